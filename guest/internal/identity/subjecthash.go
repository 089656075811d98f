package identity

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
)

// This file parses the little DER (X.690) needed for a certificate's subject. Package crypto/x509 would do it too, but
// translating its code under emulation costs each clone megabytes.

// Tags of ASN.1.
const (
	tagInteger         = 0x02
	tagUTF8String      = 0x0c
	tagPrintableString = 0x13
	tagIA5String       = 0x16
	tagSequence        = 0x30
	tagSet             = 0x31
	tagVersion         = 0xa0
)

var errNoCertificate = errors.New("no certificate in DER")

// element is one DER value: its tag, its content, and its raw encoding.
type element struct {
	tag     byte
	content []byte
	whole   []byte
}

// next reads the first element.
func next(b []byte) (first element, rest []byte, err error) {
	if len(b) < 2 || b[0]&0x1f == 0x1f {
		return first, nil, errNoCertificate
	}
	length, headBytes := int(b[1]), 2
	if length >= 0x80 {
		count := length & 0x7f
		if count == 0 || count > 3 || len(b) < 2+count {
			return first, nil, errNoCertificate
		}
		length = 0
		for _, digit := range b[2 : 2+count] {
			length = length<<8 | int(digit)
		}
		headBytes += count
	}
	if len(b)-headBytes < length {
		return first, nil, errNoCertificate
	}
	end := headBytes + length
	return element{b[0], b[headBytes:end], b[:end]}, b[end:], nil
}

// inside reads the elements of a sequence or set.
func inside(outer element, tag byte) (elements []element, err error) {
	if outer.tag != tag {
		return nil, errNoCertificate
	}
	for rest := outer.content; len(rest) > 0; {
		var one element
		if one, rest, err = next(rest); err != nil {
			return nil, err
		}
		elements = append(elements, one)
	}
	return elements, nil
}

// subjectOf finds a certificate's subject (RFC 5280 section 4.1). It follows the version, serial number, algorithm,
// issuer and validity.
func subjectOf(der []byte) (element, error) {
	const preceding = 4
	certificate, rest, err := next(der)
	if err != nil || len(rest) > 0 {
		return element{}, errNoCertificate
	}
	parts, err := inside(certificate, tagSequence)
	if err != nil || len(parts) != 3 {
		return element{}, errNoCertificate
	}
	signed, err := inside(parts[0], tagSequence)
	if err != nil {
		return element{}, err
	}
	if len(signed) > 0 && signed[0].tag == tagVersion {
		signed = signed[1:]
	}
	if len(signed) <= preceding || signed[0].tag != tagInteger || signed[preceding].tag != tagSequence {
		return element{}, errNoCertificate
	}
	return signed[preceding], nil
}

// subjectHash is the name OpenSSL gives a certificate in a directory of authorities (X509_NAME_hash(3)): the first four
// bytes of SHA-1 over the subject's canonical form, which has lower-case letters and single spaces.
func subjectHash(subject element) (string, error) {
	relatives, err := inside(subject, tagSequence)
	if err != nil {
		return "", err
	}
	var canonical []byte
	for _, relative := range relatives {
		attributes, err := inside(relative, tagSet)
		if err != nil {
			return "", err
		}
		var set []byte
		for _, attribute := range attributes {
			pair, err := inside(attribute, tagSequence)
			if err != nil || len(pair) != 2 {
				return "", errNoCertificate
			}
			set = appendElement(set, tagSequence, append(append([]byte(nil), pair[0].whole...), canonicalValue(pair[1])...))
		}
		canonical = appendElement(canonical, tagSet, set)
	}
	sum := sha1.Sum(canonical)
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, binary.LittleEndian.Uint32(sum[:]))), nil
}

// canonicalValue follows OpenSSL's asn1_string_canon for string types with one byte per character, and for UTF-8. For
// other types the hash would differ, but nobody uses them in names.
func canonicalValue(value element) []byte {
	if value.tag != tagUTF8String && value.tag != tagPrintableString && value.tag != tagIA5String {
		return value.whole
	}
	words := strings.FieldsFunc(string(value.content), func(c rune) bool { return c == ' ' || c >= '\t' && c <= '\r' })
	text := []byte(strings.Join(words, " "))
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			text[i] = c + 'a' - 'A'
		}
	}
	return appendElement(nil, tagUTF8String, text)
}

// appendElement writes an element. It does not support three-byte lengths, which a certificate of the allowed size
// never needs.
func appendElement(to []byte, tag byte, content []byte) []byte {
	to = append(to, tag)
	switch n := len(content); {
	case n < 0x80:
		to = append(to, byte(n))
	case n < 0x100:
		to = append(to, 0x81, byte(n))
	default:
		to = append(to, 0x82, byte(n>>8), byte(n))
	}
	return append(to, content...)
}
