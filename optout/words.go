package optout

import (
	"fmt"
	"maps"
	"slices"

	"guichet.dev/guichet/conversation"
)

// Words are the keywords of one language, each a whole message; how they are written does not matter, see [Fold].
type Words struct {
	Stop          []string `json:"stop" yaml:"stop" nullable:"false" doc:"No more messages at all"`
	StopMarketing []string `json:"stop_marketing" yaml:"stop_marketing" nullable:"false" doc:"No more advertising"`
	Start         []string `json:"start" yaml:"start" nullable:"false" doc:"Messages again"`
}

// DefaultWords returns the keywords by language. WhatsApp publishes no list; these are the words that senders of text messages
// must honour in these countries, and their everyday equivalents.
func DefaultWords() map[string]Words {
	return map[string]Words{
		"en": {
			Stop: []string{
				"stop", "stop all", "stopall", "unsubscribe", "optout", "opt out", "revoke", "unsubscribe me", "stop messaging me",
				"remove me", "do not contact me", "don't contact me", "no more messages", "stop it", "please stop", "stop please",
			},
			StopMarketing: []string{"stop promotions", "stop promotion", "stop marketing", "stop offers", "stop ads", "no more offers", "unsubscribe from promotions"},
			Start:         []string{"start", "unstop", "subscribe", "opt in", "optin", "resubscribe"},
		},
		"fr": {
			Stop: []string{
				"arrêt", "arrêter", "arrêtez", "désabonner", "désabonnement", "me désabonner", "désinscrire", "désinscription",
				"me désinscrire", "désinscrivez-moi", "ne plus recevoir", "ne me contactez plus", "stop svp", "stop sms", "stop merci",
			},
			StopMarketing: []string{"stop promo", "stop promos", "arrêter les promotions", "plus de promotions", "stop publicité", "arrêter les offres"},
			Start:         []string{"reprendre", "réabonner", "me réabonner", "abonner", "réinscrire", "me réinscrire"},
		},
		"ro": {
			Stop: []string{
				"oprește", "opriți", "dezabonare", "dezabonează", "dezabonați-mă", "dezabonează-mă", "nu mă mai contactați", "anulează abonarea",
			},
			StopMarketing: []string{"oprește promoțiile", "fără promoții", "fără oferte", "stop promoții"},
			Start:         []string{"abonare", "abonează-mă", "reabonare", "pornește", "începe"},
		},
		"es": {
			Stop:          []string{"baja", "parar", "alto", "cancelar suscripción", "darme de baja", "dar de baja", "dame de baja", "no más mensajes", "no me contacten"},
			StopMarketing: []string{"detener promociones", "no más promociones", "parar promociones", "no más ofertas"},
			Start:         []string{"alta", "suscribir", "suscribirme", "reanudar", "darme de alta"},
		},
		"pt": {
			Stop:          []string{"pare", "sair", "cancelar inscrição", "descadastrar", "remover", "não quero receber", "parar mensagens"},
			StopMarketing: []string{"parar promoções", "cancelar promoções", "interromper promoções", "sem promoções"},
			Start:         []string{"inscrever", "quero receber", "retomar", "voltar a receber"},
		},
		"de": {
			Stop:          []string{"stopp", "abmelden", "abbestellen", "austragen", "keine Nachrichten", "keine Nachrichten mehr", "Abmeldung"},
			StopMarketing: []string{"keine Werbung", "keine Werbung mehr", "Werbung stoppen", "keine Angebote", "stopp Werbung"},
			Start:         []string{"anmelden", "wieder anmelden", "abonnieren", "starten"},
		},
		"it": {
			Stop:          []string{"ferma", "fermate", "basta", "cancellami", "disiscrivi", "disiscrivimi", "annulla iscrizione", "disiscrizione"},
			StopMarketing: []string{"stop promozioni", "niente promozioni", "interrompi promozioni", "basta promozioni"},
			Start:         []string{"iscrivimi", "iscriviti", "riprendi", "avvia"},
		},
		"nl": {
			Stop:          []string{"afmelden", "uitschrijven", "stoppen", "geen berichten", "geen berichten meer", "meld me af", "schrijf me uit"},
			StopMarketing: []string{"stop aanbiedingen", "geen aanbiedingen", "geen reclame", "stop reclame"},
			Start:         []string{"aanmelden", "inschrijven", "hervatten", "meld me aan"},
		},
		"ar": {
			Stop:          []string{"توقف", "توقفوا", "إيقاف", "إلغاء الاشتراك", "ألغوا اشتراكي", "لا تراسلوني", "أوقفوا الرسائل"},
			StopMarketing: []string{"إيقاف العروض", "لا أريد عروض", "أوقفوا الإعلانات", "بدون إعلانات"},
			Start:         []string{"ابدأ", "اشتراك", "تفعيل الاشتراك", "أعد الاشتراك"},
		},
	}
}

// wish is what a whole message or a button says about being contacted.
type wish struct {
	state conversation.ConsentState
	scope conversation.ConsentScope
}

var (
	stopAll       = wish{conversation.ConsentOptedOut, conversation.ScopeAll}
	stopMarketing = wish{conversation.ConsentOptedOut, conversation.ScopeMarketing}
	startAll      = wish{conversation.ConsentOptedIn, conversation.ScopeAll}
)

// longestPhrase bounds a keyword, in bytes once folded, and so the work on a long message.
const longestPhrase = 100

// phrases maps folded keywords to what they mean. A keyword that means two things, or nothing, is a fault: of two that
// contradict each other, that of the language that comes later.
func phrases(languages map[string]Words, faults *conversation.Faults) map[string]wish {
	words := make(map[string]wish)
	for _, language := range slices.Sorted(maps.Keys(languages)) {
		list := languages[language]
		for _, group := range []struct {
			field string
			wish
			words []string
		}{{"stop", stopAll, list.Stop}, {"stop_marketing", stopMarketing, list.StopMarketing}, {"start", startAll, list.Start}} {
			for i, word := range group.words {
				field := fmt.Sprintf("words.%s.%s[%d]", language, group.field, i)
				folded := Fold(word)
				if folded == "" || len(folded) > longestPhrase {
					faults.Add(field, "must have letters or digits, at most %d bytes", longestPhrase)
					continue
				}
				if other, twice := words[folded]; twice && other != group.wish {
					faults.Add(field, "%q means something else in another list", word)
					continue
				}
				words[folded] = group.wish
			}
		}
	}
	return words
}
