package agent

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"sandkeep.dev/guest/internal/contract"
	"sandkeep.dev/guest/internal/files"
	"sandkeep.dev/guest/internal/rpc"
)

// contractAsTypeScript writes methods and messages as TypeScript.
func contractAsTypeScript(methods []rpc.Method) string {
	w := typeWriter{interfaces: map[string]string{}}
	calls := "\nexport interface AgentCalls {\n"
	streams := "\nexport interface AgentStreams {\n"
	for _, m := range methods {
		if m.Result != nil {
			calls += fmt.Sprintf("  %s: [%s, %s];\n", m.Name, w.text(m.Params), w.result(m.Result))
			continue
		}
		head := "null"
		if value, ok := heads[m.Name]; ok {
			head = w.text(reflect.TypeOf(value))
		}
		streams += fmt.Sprintf("  %s: [%s, %s];\n", m.Name, w.text(m.Params), head)
	}
	for _, message := range within {
		w.text(reflect.TypeOf(message))
	}
	all := []string{
		"/** What the guest's agent takes and gives. Written from its Go types, by a test: see contract_test.go. */\n",
		calls, "}\n", streams, "}\n",
	}
	for _, name := range slices.Sorted(maps.Keys(w.interfaces)) {
		all = append(all, w.interfaces[name])
	}
	return strings.Join(all, "")
}

// constantsAsTypeScript writes the numbers and names that both sides have.
func constantsAsTypeScript() string {
	text := "/** Constants of the guest's agent. Written from its Go code, by a test: see contract_test.go. */\n"
	text += "export const constants = {\n"
	for _, c := range constants {
		format := "  %s: %d,\n"
		if _, isText := c.value.(string); isText {
			format = "  %s: %q,\n"
		}
		text += fmt.Sprintf(format, c.name, c.value)
	}
	return text + "} as const;\n"
}

// typeWriter writes Go types in their JSON form and remembers the structs it meets.
type typeWriter struct{ interfaces map[string]string }

// result writes the type of a call's result. A pointer to a struct is never nil there, except the one that means null.
func (w typeWriter) result(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[rpc.Null]():
		return "null"
	case reflect.TypeFor[*files.Info](): // has its own JSON encoding, in that form
		return w.text(reflect.TypeFor[contract.FileInfo]())
	}
	if t.Kind() == reflect.Pointer && t.Elem().Kind() == reflect.Struct {
		t = t.Elem()
	}
	return w.text(t)
}

func (w typeWriter) text(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Pointer:
		return w.text(t.Elem()) + " | null"
	case reflect.Slice:
		return w.text(t.Elem()) + "[]"
	case reflect.Array:
		return "[" + strings.Join(slices.Repeat([]string{w.text(t.Elem())}, t.Len()), ", ") + "]"
	case reflect.Map:
		return fmt.Sprintf("Record<%s, %s>", w.text(t.Key()), w.text(t.Elem()))
	case reflect.Struct:
		return w.structure(t)
	}
	if t.ConvertibleTo(reflect.TypeFor[float64]()) {
		return "number"
	}
	panic("no TypeScript for " + t.String())
}

func (w typeWriter) structure(t reflect.Type) string {
	if t.NumField() == 0 {
		return "Record<never, never>"
	}
	if _, known := w.interfaces[t.Name()]; !known {
		w.interfaces[t.Name()] = fmt.Sprintf("export interface %s {\n%s}\n", t.Name(), w.fields(t))
	}
	return t.Name()
}

// fields writes the fields of embedded structs inline, as encoding/json does.
func (w typeWriter) fields(t reflect.Type) (text string) {
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			text += w.fields(field.Type)
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if options == "omitempty" {
			name += "?"
		}
		text += fmt.Sprintf("  %s: %s;\n", name, w.text(field.Type))
	}
	return text
}
