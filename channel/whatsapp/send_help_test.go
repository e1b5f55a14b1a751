package whatsapp_test

import (
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
)

const ourMessage = "0196f1c2-7a31-7cc0-9a55-2f4e8a3d1b60"

func accountAt(base string) channel.Account {
	return channel.Account{
		ID: "a1", Channel: conversation.WhatsApp, ProviderID: "106540352242922", APIBaseURL: base, APIVersion: "v26.0",
		Secrets: channel.Secrets{AccessToken: "EAAtoken", AppSecret: "s3cret"},
	}
}

func toNumber() []conversation.Identity {
	return []conversation.Identity{
		{Kind: conversation.UserID, Address: "FR.13491208655302741918", Key: "FR.13491208655302741918"},
		{Kind: conversation.WhatsAppID, Address: "33639980142", Key: "33639980142"},
	}
}

func hello() channel.Outbound {
	return channel.Outbound{MessageID: ourMessage, To: toNumber(), Content: conversation.Content{Kind: conversation.KindText, Text: "Bonjour"}}
}

func templateMessage() channel.Outbound {
	return channel.Outbound{MessageID: ourMessage, To: toNumber(), Content: conversation.Content{Kind: conversation.KindTemplate, Text: "x"}}
}
