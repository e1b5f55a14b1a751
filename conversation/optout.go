package conversation

import (
	"strings"
	"unicode"
)

// wish is what a whole message or the title of a button says about being contacted.
type wish struct {
	state ConsentState
	scope ConsentScope
}

var (
	stopAll       = wish{ConsentOptedOut, ScopeAll}
	stopMarketing = wish{ConsentOptedOut, ScopeMarketing}
	startAll      = wish{ConsentOptedIn, ScopeAll}
)

// wishes are whole messages in folded form (see fold): a word within a sentence is never one. English, French, Romanian,
// Spanish, Portuguese, German, Italian and Dutch. WhatsApp publishes no list; these are the words that senders of text
// messages must honour in these countries, and their everyday equivalents.
var wishes = build(map[wish][]string{
	stopAll: {
		// en
		"stop", "stop all", "stopall", "unsubscribe", "optout", "opt out", "revoke", "unsubscribe me", "stop messaging me",
		"remove me", "do not contact me", "dont contact me", "no more messages", "stop it", "please stop", "stop please",
		// fr
		"arret", "arreter", "arretez", "desabonner", "desabonnement", "me desabonner", "desinscrire", "desinscription",
		"me desinscrire", "desinscrivez moi", "ne plus recevoir", "ne me contactez plus", "stop svp", "stop sms", "stop merci",
		// ro
		"opreste", "opriti", "dezabonare", "dezaboneaza", "dezabonati ma", "dezaboneaza ma", "nu ma mai contactati", "anuleaza abonarea",
		// es
		"baja", "parar", "alto", "cancelar suscripcion", "darme de baja", "dar de baja", "dame de baja", "no mas mensajes", "no me contacten",
		// pt
		"pare", "sair", "cancelar inscricao", "descadastrar", "remover", "nao quero receber", "parar mensagens",
		// de
		"stopp", "abmelden", "abbestellen", "austragen", "keine nachrichten", "keine nachrichten mehr", "abmeldung",
		// it
		"ferma", "fermate", "basta", "cancellami", "disiscrivi", "disiscrivimi", "annulla iscrizione", "disiscrizione",
		// nl
		"afmelden", "uitschrijven", "stoppen", "geen berichten", "geen berichten meer", "meld me af", "schrijf me uit",
	},
	stopMarketing: {
		"stop promotions", "stop promotion", "stop marketing", "stop offers", "stop ads", "no more offers", "unsubscribe from promotions",
		"stop promo", "stop promos", "arreter les promotions", "plus de promotions", "stop publicite", "arreter les offres",
		"opreste promotiile", "fara promotii", "fara oferte", "stop promotii",
		"detener promociones", "no mas promociones", "parar promociones", "no mas ofertas",
		"parar promocoes", "cancelar promocoes", "interromper promocoes", "sem promocoes",
		"keine werbung", "keine werbung mehr", "werbung stoppen", "keine angebote", "stopp werbung",
		"stop promozioni", "niente promozioni", "interrompi promozioni", "basta promozioni",
		"stop aanbiedingen", "geen aanbiedingen", "geen reclame", "stop reclame",
	},
	startAll: {
		"start", "unstop", "subscribe", "opt in", "optin", "resubscribe",
		"reprendre", "reabonner", "me reabonner", "abonner", "reinscrire", "me reinscrire",
		"abonare", "aboneaza ma", "reabonare", "porneste", "incepe",
		"alta", "suscribir", "suscribirme", "reanudar", "darme de alta",
		"inscrever", "quero receber", "retomar", "voltar a receber",
		"anmelden", "wieder anmelden", "abonnieren", "starten",
		"iscrivimi", "iscriviti", "riprendi", "avvia",
		"aanmelden", "inschrijven", "hervatten", "meld me aan",
	},
})

func build(lists map[wish][]string) map[string]wish {
	words := make(map[string]wish)
	for w, list := range lists {
		for _, phrase := range list {
			if other, twice := words[phrase]; twice && other != w {
				panic("phrase with two meanings: " + phrase) // at start, by a mistake in the lists above
			}
			words[phrase] = w
		}
	}
	return words
}

// longestWish bounds the work on a long message, in bytes: no phrase above comes near it, even before folding.
const longestWish = 200

// ConsentWish returns what a message says about being contacted, if that is all it says.
func ConsentWish(c Content) (scope ConsentScope, state ConsentState, source string, found bool) {
	var text string
	switch c.Kind {
	case KindText:
		text, source = c.Text, SourceKeyword
	case KindChoice:
		text, source = c.Text, SourceButton
		if c.Choice != nil {
			text = c.Choice.Title
		}
	default:
		return "", "", "", false
	}
	if len(text) > longestWish {
		return "", "", "", false
	}
	w, found := wishes[fold(text)]
	return w.scope, w.state, source, found
}

func detectOptOut(e InputEvent, d *Decision) {
	if e.Content == nil {
		return
	}
	scope, state, source, found := ConsentWish(*e.Content)
	if !found {
		d.Outcomes = append(d.Outcomes, Outcome{Step: "opt_out", Seq: e.Seq, Result: "none"})
		return
	}
	change := &ConsentChange{Scope: scope, State: state, Source: source, At: e.At}
	d.Outcomes = append(d.Outcomes, Outcome{Step: "opt_out", Seq: e.Seq, Result: string(state)})
	d.Effects = append(d.Effects, Effect{
		Kind: EffectSetConsent, Key: "consent:" + e.Data.MessageID, Consent: change,
		Event: Event{
			Kind: EventConsentChanged, Actor: Actor{Kind: ActorContact}, At: e.At,
			Cause: &Cause{Seq: e.Seq, Trigger: string(EventMessageReceived)},
			Data:  EventData{MessageID: e.Data.MessageID, Consent: state, Scope: scope, Source: source},
		},
	})
}

// fold brings a message into the form in which the phrases are written: lower case, no accents, no punctuation or
// emoji, single spaces. Apostrophes vanish ("don't" becomes "dont"), everything else that is no letter or digit separates.
func fold(s string) string {
	var b strings.Builder
	space := false
	for _, r := range s {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r) || r == '\'' || r == '’' || r == '\u200d' || unicode.Is(unicode.Cf, r):
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteString(plain(r))
		default:
			space = true
		}
	}
	return b.String()
}

// plain returns a lower-case Latin letter without its accent. The standard library cannot decompose; these are the letters
// of the eight languages and their neighbours.
func plain(r rune) string {
	if r < 0x80 {
		return string(r)
	}
	for base, accented := range accents {
		if strings.ContainsRune(accented, r) {
			return base
		}
	}
	return string(r)
}

var accents = map[string]string{
	"a": "àáâãäåāăą", "ae": "æ", "c": "çćĉċč", "d": "ďđ", "e": "èéêëēĕėęě", "g": "ĝğġģ", "i": "ìíîïĩīĭįı",
	"l": "ĺļľł", "n": "ñńņň", "o": "òóôõöøōŏő", "oe": "œ", "r": "ŕŗř", "s": "śŝşšș", "ss": "ß", "t": "ţťț",
	"u": "ùúûüũūŭůűų", "w": "ŵ", "y": "ýÿŷ", "z": "źżž",
}
