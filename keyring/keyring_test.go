package keyring_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"guichet.dev/guichet/internal/testkit"
	"guichet.dev/guichet/keyring"
)

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "encryption.key")
	for range 2 { // the second call must leave the key as it is
		if err := keyring.EnsureFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := keyring.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "%%%", "aGVsbG8=", "e30="} {
		if _, err := keyring.Parse(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

func TestWhatIsSealedOpensForItsOwnerOnly(t *testing.T) {
	keys := testkit.Keyring(t)
	sealed, err := keys.Seal([]byte("token"), "ana")
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := keys.Open(sealed, "ana"); err != nil || string(plain) != "token" || bytes.Contains(sealed, plain) {
		t.Errorf("%q, %v", plain, err)
	}
	if _, err := keys.Open(sealed, "bob"); err == nil {
		t.Error("it opens for another")
	}
	if _, err := testkit.Keyring(t).Open(sealed, "ana"); err == nil {
		t.Error("it opens with another key")
	}
}
