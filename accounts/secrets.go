package accounts

import (
	"encoding/json"
	"fmt"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/keyring"
)

func seal(k *keyring.Keyring, accountID string, secrets channel.Secrets) ([]byte, error) {
	text, err := json.Marshal(secrets)
	if err == nil {
		text, err = k.Seal(text, accountID)
	}
	if err != nil {
		return nil, fmt.Errorf("the secrets of account %s: %w", accountID, err)
	}
	return text, nil
}

func open(k *keyring.Keyring, accountID string, sealed []byte) (channel.Secrets, error) {
	var secrets channel.Secrets
	text, err := k.Open(sealed, accountID)
	if err != nil {
		return secrets, fmt.Errorf("the secrets of account %s: %w", accountID, err)
	}
	if json.Unmarshal(text, &secrets) != nil { // its error would quote the text
		return secrets, fmt.Errorf("the secrets of account %s are not in the expected form", accountID)
	}
	return secrets, nil
}
