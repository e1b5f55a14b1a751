package conversation_test

import (
	"strings"
	"testing"

	"guichet.dev/guichet/conversation"
)

func TestConsentWish(t *testing.T) {
	t.Parallel()
	const (
		none = ""
		out  = "opted_out all"
		mkt  = "opted_out marketing"
		in   = "opted_in all"
	)
	for words, want := range map[string]string{
		// en
		"STOP": out, "stop": out, "  Stop. ": out, "STOP!!": out, "stop\n": out, "Unsubscribe": out, "UNSUBSCRIBE ME!": out, "Opt-out": out,
		"Please stop": out, "Don't contact me": out, "Don’t contact me.": out, "stop 🛑": out, "🛑stop🛑": out, "S\u200dtop": out, "“STOP”": out,
		"Stop promotions": mkt, "START": in, "subscribe": in,
		"please don't stop": none, "nonstop": none, "stop by tomorrow": none, "Where is the bus stop?": none, "don't stop": none, "stopped": none,
		"never stop": none, "I can't stop": none, "non-stop": none, "started": none, "st op": none, "": none, "🛑": none, "!": none,
		// fr
		"Arrêt.": out, "ARRET": out, "arrêter": out, "Arre\u0302t": out, "Désabonner": out, "me désinscrire": out, "Ne me contactez plus !": out, "STOP SVP": out,
		"Arrêter les promotions": mkt, "Réabonner": in, "arrêt de bus": none, "n'arrêtez pas": none, "sans arrêt": none,
		// ro
		"Oprește": out, "opreşte": out, "Dezabonare": out, "DEZABONEAZĂ-MĂ": out, "Fără oferte": mkt, "Abonare": in, "nu te opri": none, "oprește mașina": none,
		// es
		"BAJA": out, "Darme de baja": out, "¡Alto!": out, "cancelar suscripción": out, "no más promociones": mkt, "ALTA": in, "la baja temperatura": none, "más alto": none,
		// pt
		"Sair": out, "cancelar inscrição": out, "não quero receber": out, "parar promoções": mkt, "quero receber": in, "quero sair hoje": none, "não pare": none,
		// de
		"STOPP": out, "abmelden": out, "Keine Nachrichten mehr!": out, "keine Werbung": mkt, "Anmelden": in, "nicht abmelden": none, "kein Stopp": none,
		// it
		"Basta": out, "Cancellami": out, "niente promozioni": mkt, "Iscrivimi": in, "basta così grazie": none, "non fermate": none,
		// nl
		"Afmelden": out, "Schrijf me uit": out, "geen aanbiedingen": mkt, "Aanmelden": in, "niet stoppen": none,
	} {
		scope, state, source, found := conversation.ConsentWish(conversation.Content{Kind: conversation.KindText, Text: words})
		got := strings.TrimSpace(string(state) + " " + string(scope))
		if got != want || found != (want != none) {
			t.Errorf("%q: %q (found %v), want %q", words, got, found, want)
		}
		if found && source != conversation.SourceKeyword {
			t.Errorf("%q: source %s", words, source)
		}
	}
}

func TestConsentWishByKind(t *testing.T) {
	t.Parallel()
	stop := "Stop promotions"
	for name, test := range map[string]struct {
		content conversation.Content
		source  string
	}{
		"button":              {conversation.Content{Kind: conversation.KindChoice, Text: "?", Choice: &conversation.Choice{Title: stop}}, conversation.SourceButton},
		"button without more": {conversation.Content{Kind: conversation.KindChoice, Text: stop}, conversation.SourceButton},
		"caption":             {conversation.Content{Kind: conversation.KindImage, Text: stop}, ""},
		"unsupported":         {conversation.Content{Kind: conversation.KindUnsupported, Text: stop}, ""},
		"system":              {conversation.Content{Kind: conversation.KindSystem, Text: stop}, ""},
		"a long text":         {conversation.Content{Kind: conversation.KindText, Text: stop + strings.Repeat("!", 1000)}, ""},
		"a very long text":    {conversation.Content{Kind: conversation.KindText, Text: strings.Repeat("stop ", 100000)}, ""},
	} {
		_, _, source, found := conversation.ConsentWish(test.content)
		if found != (test.source != "") || found && source != test.source {
			t.Errorf("%s: found %v with source %q, want %q", name, found, source, test.source)
		}
	}
}
