package whatsapp_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/channel/whatsapp"
)

const oneText = `{"object":"whatsapp_business_account","entry":[{"id":"102290129340398","changes":[{"value":{"messaging_product":"whatsapp",` +
	`"metadata":{"display_phone_number":"33755501234","phone_number_id":"106540352242922"},` +
	`"contacts":[{"profile":{"name":"Ad\u00e8le Roussin"},"wa_id":"33639980142","user_id":"FR.13491208655302741918"}],` +
	`"messages":[{"from":"33639980142","from_user_id":"FR.13491208655302741918","id":"wamid.HBgLMzM2Mzk5ODAxNDIVAgASGBQzQTlGNkM3RDRFMkIxQTgwNUM0RAA=",` +
	`"timestamp":"1762852442","text":{"body":"Bonjour, ma commande 4471 n'est pas arriv\u00e9e \ud83d\ude22"},"type":"text"}]},"field":"messages"}]}]}`

func BenchmarkParseOneText(b *testing.B) {
	body := []byte(oneText)
	a := whatsapp.New(whatsapp.Options{})
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if updates, err := a.Parse(body); err != nil || len(updates) != 1 || updates[0].Err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyAndParseOneText(b *testing.B) {
	body := []byte(oneText)
	a := whatsapp.New(whatsapp.Options{})
	secrets := channel.Secrets{AppSecret: "0123456789abcdef0123456789abcdef"}
	header := http.Header{"X-Hub-Signature-256": {sign(secrets.AppSecret, body)}}
	b.ReportAllocs()
	for b.Loop() {
		if !a.Verify(secrets, header, body) {
			b.Fatal("not verified")
		}
		if _, err := a.Parse(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseThousandStatuses(b *testing.B) {
	one := `{"id":"wamid.HBgLMzM2Mzk5ODAxNDIVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA","status":"delivered","timestamp":"1762852450","recipient_id":"33639980142",` +
		`"biz_opaque_callback_data":"0196f1c2-7a31-7cc0-9a55-2f4e8a3d1b60","pricing":{"billable":false,"pricing_model":"PMP","type":"free_customer_service","category":"service"}}`
	body := bytes.NewBufferString(`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"metadata":{"phone_number_id":"106540352242922"},"statuses":[`)
	body.WriteString(strings.Repeat(one+",", 999) + one + `]}}]}]}`)
	a := whatsapp.New(whatsapp.Options{})
	b.SetBytes(int64(body.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if updates, err := a.Parse(body.Bytes()); err != nil || len(updates) != 1000 {
			b.Fatal(err, len(updates))
		}
	}
}

// BenchmarkValidOneText is the floor that encoding/json sets: one check of the body.
func BenchmarkValidOneText(b *testing.B) {
	body := []byte(oneText)
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if !json.Valid(body) {
			b.Fatal("not valid")
		}
	}
}
