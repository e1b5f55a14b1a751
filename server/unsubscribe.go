package server

import (
	"html/template"
	"net/http"

	"github.com/labstack/echo/v4"

	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/notifications"
)

// unsubscribeWords are what the page says, by language.
type unsubscribeWords struct{ Title, Ask, Button, Done, Unknown string }

var unsubscribeTexts = map[string]unsubscribeWords{
	"en": {
		"Mails about notifications", "Do you want no more mails about unread notifications? In the app they stay.",
		"Stop these mails", "You will get no more of these mails. You can choose them again in your settings.", "This link is not valid.",
	},
	"fr": {
		"Messages sur les notifications", "Ne voulez-vous plus recevoir de messages sur les notifications non lues ? Elles restent dans l’application.",
		"Ne plus recevoir ces messages", "Vous ne recevrez plus ces messages. Vous pouvez les rétablir dans vos réglages.", "Ce lien n’est pas valable.",
	},
	"ro": {
		"Mesaje despre notificări", "Nu mai doriți mesaje despre notificările necitite? În aplicație ele rămân.",
		"Nu mai vreau aceste mesaje", "Nu veți mai primi aceste mesaje. Le puteți activa din nou în setări.", "Acest link nu este valabil.",
	},
}

var unsubscribePage = template.Must(template.New("unsubscribe").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{{.Title}}</title>
<style>
body{margin:0 auto;max-width:560px;padding:48px 24px;font:16px/1.5 system-ui,sans-serif;color:#18181b}
button{padding:12px 20px;border:0;border-radius:6px;background:#166534;color:#fff;font:inherit;font-weight:600;cursor:pointer}
</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
<p>{{.Text}}</p>
{{if .Token}}<form method="post" action="{{.Path}}?token={{.Token}}"><button type="submit">{{.Button}}</button></form>
{{end}}</main>
</body>
</html>
`))

// registerUnsubscribe adds the page that ends digests. It needs no sign-in: the token in the address proves that the caller
// got the mail. A GET changes nothing, because programs follow the links of mails too.
func (s *Server) registerUnsubscribe() {
	if s.Notifications == nil {
		return
	}
	s.echo.GET(notifications.UnsubscribePath, func(c echo.Context) error {
		token := c.QueryParam("token")
		language, err := s.Notifications.Subscriber(c.Request().Context(), token)
		return s.answerUnsubscribe(c, err, language, token, func(w unsubscribeWords) string { return w.Ask })
	})
	s.echo.POST(notifications.UnsubscribePath, func(c echo.Context) error {
		language, err := s.Notifications.Unsubscribe(c.Request().Context(), c.QueryParam("token"))
		return s.answerUnsubscribe(c, err, language, "", func(w unsubscribeWords) string { return w.Done })
	})
}

func (s *Server) answerUnsubscribe(c echo.Context, err error, language, token string, text func(unsubscribeWords) string) error {
	status := http.StatusOK
	switch {
	case conversation.CodeOf(err) == conversation.CodeNotFound:
		status, language, token = http.StatusNotFound, "en", ""
		text = func(w unsubscribeWords) string { return w.Unknown }
	case err != nil:
		return err
	}
	words := unsubscribeTexts[language]
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, echo.MIMETextHTMLCharsetUTF8)
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer") // the token is in the address
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	c.Response().WriteHeader(status)
	return unsubscribePage.Execute(c.Response(), map[string]string{
		"Language": language, "Title": words.Title, "Text": text(words), "Button": words.Button, "Token": token, "Path": notifications.UnsubscribePath,
	})
}
