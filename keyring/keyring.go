// Package keyring encrypts secrets at rest: access tokens, second factors, mails that wait to be sent.
package keyring

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Keyring encrypts with authentication (AEAD). Whose secret it is, an account's or an agent's id, is the associated data: what
// belongs to one row cannot be moved to another.
type Keyring struct{ aead tink.AEAD }

// NewKey makes a keyset with one AES-256-GCM key, in the form in which GUICHET_ENCRYPTION_KEY holds it.
func NewKey() (string, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return "", fmt.Errorf("make an encryption key: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return "", fmt.Errorf("write an encryption key: %w", err)
	}
	return base64.StdEncoding.EncodeToString(text.Bytes()), nil
}

// Parse reads a keyset of Tink in base64, in Tink's JSON or binary form, with AEAD keys. A keyset with several keys
// decrypts with all of them and encrypts with the primary one, which is how keys are rotated. No error shows the key.
func Parse(text string) (*Keyring, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return nil, errors.New("the encryption key is not base64")
	}
	var reader keyset.Reader = keyset.NewBinaryReader(bytes.NewReader(raw))
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		reader = keyset.NewJSONReader(bytes.NewReader(raw))
	}
	handle, err := insecurecleartextkeyset.Read(reader)
	if err != nil {
		return nil, errors.New("the encryption key is not a keyset of Tink")
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, errors.New("the encryption key is not a keyset with AEAD keys")
	}
	return &Keyring{aead: primitive}, nil
}

// ReadFile reads a keyset from a file in the form of [NewKey].
func ReadFile(path string) (*Keyring, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the encryption key: %w", err)
	}
	keyring, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keyring, nil
}

// EnsureFile makes the file with a new key, readable by its owner only, unless it is there already.
func EnsureFile(path string) error {
	_, err := os.Stat(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	key, err := NewKey()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("keep the encryption key: %w", err)
	}
	// Under another name first: a crash must not leave half a key in place.
	draft := path + ".new"
	if err := os.WriteFile(draft, []byte(key+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep the encryption key: %w", err)
	}
	if err := os.Rename(draft, path); err != nil {
		return fmt.Errorf("keep the encryption key: %w", err)
	}
	return nil
}

// Seal encrypts something that belongs to an owner; it opens for no other.
func (k *Keyring) Seal(plain []byte, owner string) ([]byte, error) {
	sealed, err := k.aead.Encrypt(plain, []byte(owner))
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return sealed, nil
}

// Open decrypts what Seal encrypted for the same owner.
func (k *Keyring) Open(sealed []byte, owner string) ([]byte, error) {
	plain, err := k.aead.Decrypt(sealed, []byte(owner))
	if err != nil {
		return nil, fmt.Errorf("decrypt: is this the encryption key it was written with? %w", err)
	}
	return plain, nil
}
