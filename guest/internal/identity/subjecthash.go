package identity

import (
	"crypto/sha1"
	"encoding/asn1"
	"encoding/binary"
	"fmt"
	"strings"
)

// attribute and relativeNameSET take a name (RFC 5280 section 4.1.2.4) apart and leave its values as they are. The suffix is
// what package asn1 goes by.
type (
	attribute struct {
		Type  asn1.ObjectIdentifier
		Value asn1.RawValue
	}
	relativeNameSET []attribute
)

// subjectHash is what OpenSSL calls a certificate in a directory of authorities (X509_NAME_hash(3)): the first four bytes
// of SHA-1 over the name's canonical form, in which letters are small and spaces single.
func subjectHash(rawSubject []byte) (string, error) {
	var name []relativeNameSET
	if rest, err := asn1.Unmarshal(rawSubject, &name); err != nil || len(rest) > 0 {
		return "", fmt.Errorf("the certificate's subject cannot be read: %w", err)
	}
	var canonical []byte
	for _, relative := range name {
		for i := range relative {
			relative[i].Value = canonicalValue(relative[i].Value)
		}
		encoded, err := asn1.Marshal(relative)
		if err != nil {
			return "", err
		}
		canonical = append(canonical, encoded...)
	}
	sum := sha1.Sum(canonical)
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(sum[:])), nil
}

// canonicalValue follows OpenSSL's asn1_string_canon for the strings of which one byte is one character, or part of one in
// UTF-8. Of other values the hash would differ; nobody makes such names.
func canonicalValue(value asn1.RawValue) asn1.RawValue {
	switch value.Tag {
	case asn1.TagUTF8String, asn1.TagPrintableString, asn1.TagIA5String:
	default:
		return value
	}
	words := strings.FieldsFunc(string(value.Bytes), func(c rune) bool { return c == ' ' || c >= '\t' && c <= '\r' })
	text := []byte(strings.Join(words, " "))
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	return asn1.RawValue{Class: asn1.ClassUniversal, Tag: asn1.TagUTF8String, Bytes: text}
}
