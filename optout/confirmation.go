package optout

import "strings"

// confirmations are the built-in texts by language.
var confirmations = map[string]string{
	"en": "You will get no more messages from us here. If you change your mind, write START.",
	"fr": "Vous ne recevrez plus de messages de notre part ici. Si vous changez d'avis, écrivez START.",
	"ro": "Nu veți mai primi mesaje de la noi aici. Dacă vă răzgândiți, scrieți START.",
	"es": "No recibirá más mensajes nuestros por aquí. Si cambia de opinión, escriba START.",
	"pt": "Não receberá mais mensagens nossas por aqui. Se mudar de ideias, escreva START.",
	"de": "Sie erhalten hier keine Nachrichten mehr von uns. Wenn Sie es sich anders überlegen, schreiben Sie START.",
	"it": "Non riceverà più nostri messaggi qui. Se cambia idea, scriva START.",
	"nl": "U ontvangt hier geen berichten meer van ons. Bedenkt u zich, stuur dan START.",
	"ar": "لن تصلك رسائل أخرى منا هنا. إذا غيّرت رأيك فاكتب START.",
}

// ConfirmationText returns what confirms an opt-out of all in a language ("fr", "pt-BR"), in English if it is not known; empty
// if it is switched off.
func (s Policy) ConfirmationText(language string) string {
	if s.ConfirmationOff {
		return ""
	}
	for _, l := range []string{language, base(language), "en"} {
		if text := s.Confirmation[l]; text != "" {
			return text
		}
		if text := confirmations[l]; text != "" {
			return text
		}
	}
	return ""
}

// base returns the language without its region.
func base(language string) string {
	language, _, _ = strings.Cut(strings.ReplaceAll(language, "_", "-"), "-")
	return strings.ToLower(language)
}
