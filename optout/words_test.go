package optout_test

import (
	"strings"
	"testing"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/optout"
)

func detector(t *testing.T, s optout.Policy) *optout.Detector {
	t.Helper()
	d, err := optout.New(s, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestKeywords(t *testing.T) {
	t.Parallel()
	d := detector(t, optout.Policy{})
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
		"Afmelden": out, "Schrijf me uit": out, // ar
		"إلغاء الاشتراك": out, "الغاء الاشتراك!": out, "تَوَقَّف": out, "geen aanbiedingen": mkt, "Aanmelden": in, "niet stoppen": none,
	} {
		found := d.Examine(conversation.Content{Kind: conversation.KindText, Text: words})
		got := strings.TrimSpace(string(found.State) + " " + string(found.Scope))
		if got != want || found.Found() != (want != none) {
			t.Errorf("%q: %q (found %v), want %q", words, got, found, want)
		}
		if found.Found() && (found.Source != conversation.SourceKeyword || found.Confidence != 1) {
			t.Errorf("%q: %+v", words, found)
		}
	}
}

func TestKeywordsByKind(t *testing.T) {
	t.Parallel()
	d := detector(t, optout.Policy{})
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
		if found := d.Examine(test.content); found.Source != test.source || found.Found() != (test.source != "") {
			t.Errorf("%s: found %+v, want source %q", name, found, test.source)
		}
	}
}
