package testkit

import (
	"testing"

	"guichet.dev/guichet/keyring"
)

// Keyring returns keys that nobody else has.
func Keyring(t testing.TB) *keyring.Keyring {
	t.Helper()
	key, err := keyring.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Parse(key)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}
