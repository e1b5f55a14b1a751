package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// field is one setting with its tags.
type field struct {
	name, byDefault, doc string
	kind                 string // address, url, secret or empty
	ownFile              bool   // a secret whose file is a setting of its own
	oneOf                []string
	min, max             string
	of                   reflect.Type
}

func fieldOf(f reflect.StructField) field {
	out := field{
		name: f.Tag.Get("env"), byDefault: f.Tag.Get("default"), doc: f.Tag.Get("doc"), kind: f.Tag.Get("kind"), ownFile: f.Tag.Get("file") == "own",
		min: f.Tag.Get("min"), max: f.Tag.Get("max"), of: f.Type,
	}
	if list := f.Tag.Get("oneof"); list != "" {
		out.oneOf = strings.Split(list, ",")
	}
	return out
}

// fileName is the variable that names the file with a secret, empty if there is none.
func (f field) fileName() string {
	if f.kind != "secret" || f.ownFile {
		return ""
	}
	return f.name + "_FILE"
}

// read returns what was set, from the environment or from the secret's file, else the default.
func (f field) read(lookup func(string) (string, bool)) (string, error) {
	text, _ := lookup(f.name)
	text = strings.TrimSpace(text)
	if name := f.fileName(); name != "" {
		path, _ := lookup(name)
		if path = strings.TrimSpace(path); path != "" {
			if text != "" {
				return "", fmt.Errorf("%s and %s are both set; allowed is one of them", f.name, name)
			}
			return readSecret(name, path)
		}
	}
	if text == "" {
		text = f.byDefault
	}
	return text, nil
}

// readSecret reads a file that must hold something: an empty one is a secret that was not made yet.
func readSecret(name, path string) (string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	text := strings.TrimSpace(string(content))
	if text == "" {
		return "", fmt.Errorf("%s: %s is empty", name, path)
	}
	return text, nil
}

// put reads the text into the field.
func (f field) put(to reflect.Value, text string) error {
	switch f.of {
	case reflect.TypeFor[time.Duration]():
		d, err := time.ParseDuration(text)
		low, lowErr := time.ParseDuration(f.min)
		high, highErr := time.ParseDuration(f.max)
		if err != nil || lowErr != nil || highErr != nil || d < low || d > high {
			return f.wrong(text)
		}
		to.SetInt(int64(d))
		return nil
	case reflect.TypeFor[Age]():
		age, ok := parseAge(text)
		if !ok {
			return f.wrong(text)
		}
		to.SetInt(int64(age))
		return nil
	case reflect.TypeFor[int]():
		n, err := strconv.Atoi(text)
		low, lowErr := strconv.Atoi(f.min)
		high, highErr := strconv.Atoi(f.max)
		if err != nil || lowErr != nil || highErr != nil || n < low || n > high {
			return f.wrong(text)
		}
		to.SetInt(int64(n))
		return nil
	case reflect.TypeFor[bool]():
		if text != "true" && text != "false" {
			return f.wrong(text)
		}
		to.SetBool(text == "true")
		return nil
	default:
		if !f.fits(text) {
			return f.wrong(text)
		}
		to.SetString(text)
		return nil
	}
}

// fits reports whether a text is one of those allowed.
func (f field) fits(text string) bool {
	switch {
	case len(f.oneOf) > 0:
		return slices.Contains(f.oneOf, text)
	case text == "":
		return true
	case f.kind == "address":
		_, port, err := net.SplitHostPort(text)
		n, portErr := strconv.ParseUint(port, 10, 16)
		return err == nil && portErr == nil && n <= 65535
	case f.kind == "url":
		u, err := url.Parse(text)
		return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
	default:
		return true
	}
}

// allowed says what the field may be.
func (f field) allowed() string {
	switch {
	case f.of == reflect.TypeFor[bool]():
		return "true, false"
	case f.of == reflect.TypeFor[Age]():
		return "days such as 30d, or forever"
	case len(f.oneOf) > 0:
		return strings.Join(f.oneOf, ", ")
	case f.min != "":
		return f.min + " to " + f.max
	case f.kind == "address":
		return "host:port"
	case f.kind == "url":
		return "http(s)://host"
	default:
		return "text"
	}
}

func (f field) wrong(text string) error {
	if f.kind == "secret" {
		text = "(not shown)"
	}
	return fmt.Errorf("%s is %q; allowed is %s", f.name, text, f.allowed())
}
