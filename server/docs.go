package server

import (
	"net/http"
	"sync"

	"github.com/labstack/echo/v4"

	"guichet.dev/guichet/server/reference"
)

const (
	docsPath     = "/api/docs"
	docsStyle    = "/api/docs/style.css"
	documentPath = "/api/openapi.json"
	// docsPolicy lets the page load its own style sheet and nothing else.
	docsPolicy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

// registerDocs serves the API's reference for people. It is made on the first request, when all operations are there.
func (s *Server) registerDocs() {
	page := sync.OnceValues(func() ([]byte, error) { return reference.Page(s.api.OpenAPI(), docsStyle, documentPath) })
	s.echo.GET(docsPath, func(c echo.Context) error {
		html, err := page()
		if err != nil {
			return err
		}
		return s.document(c, echo.MIMETextHTMLCharsetUTF8, html)
	})
	s.echo.GET(docsStyle, func(c echo.Context) error { return s.document(c, "text/css; charset=utf-8", reference.Style) })
}

func (s *Server) document(c echo.Context, kind string, text []byte) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", docsPolicy)
	h.Set("Referrer-Policy", "no-referrer")
	return c.Blob(http.StatusOK, kind, text)
}
