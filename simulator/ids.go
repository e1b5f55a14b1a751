package simulator

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

func randomBytes(n int) []byte {
	bytes := make([]byte, n)
	crand.Read(bytes) // never fails
	return bytes
}

// newMessageID looks like Meta's, but carries no phone number.
func (s *Server) newMessageID() string {
	return "wamid.HBgL" + base64.StdEncoding.EncodeToString([]byte(strings.ToUpper(hex.EncodeToString(randomBytes(9)))))
}

// newMediaID is decimal, as all object ids are.
func (s *Server) newMediaID() string {
	return fmt.Sprintf("%d%012d", 1000+s.state.next()%9000, s.random.Int64N(1e12))
}

// newUserID makes up a business-scoped user id in the country of a phone.
func (s *Server) newUserID(phone string) string {
	country := "US"
	for prefix, code := range countries {
		if strings.HasPrefix(phone, prefix) {
			country = code
		}
	}
	return fmt.Sprintf("%s.%d", country, 1e16+s.random.Int64N(9e16))
}

// countries are calling codes of which none is the beginning of another.
var countries = map[string]string{
	"30": "GR", "31": "NL", "32": "BE", "33": "FR", "34": "ES", "351": "PT", "353": "IE", "36": "HU", "373": "MD", "39": "IT",
	"40": "RO", "41": "CH", "43": "AT", "44": "GB", "45": "DK", "46": "SE", "48": "PL", "49": "DE", "52": "MX", "54": "AR",
	"55": "BR", "62": "ID", "81": "JP", "82": "KR", "90": "TR", "91": "IN", "212": "MA", "234": "NG", "27": "ZA",
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}
