package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"guichet.dev/guichet/simulator/cloudapi"
)

// Lives of media, on the simulator's clock.
const (
	urlLife     = 5 * time.Minute
	uploadLife  = 30 * 24 * time.Hour
	inboundLife = 7 * 24 * time.Hour
)

// postMedia answers POST /{PNID}/media.
func (s *Server) postMedia(c *call) (any, *cloudapi.Error) {
	product, contentType, data, err := readUpload(c.request)
	switch {
	case err != nil:
		return nil, cloudapi.NewError(cloudapi.CodeParameter, "The form cannot be read, has no file or exceeds %d bytes.", cloudapi.MaxMediaBytes)
	case product != "whatsapp":
		return nil, cloudapi.NewError(cloudapi.CodeParameter, "The parameter messaging_product is required and must be whatsapp.")
	}
	if err := cloudapi.CheckUpload(contentType, int64(len(data))); err != nil {
		return nil, err
	}
	m, err := s.putMedia(c.number, contentType, data, uploadLife)
	if err != nil {
		s.log.Error("media not stored", "error", err)
		return nil, cloudapi.NewError(cloudapi.CodeGeneric, "The media could not be stored.")
	}
	return map[string]any{"id": m.ID}, nil
}

// readUpload reads the form of an upload; the `type` field wins over the part's
// own content type.
func readUpload(r *http.Request) (product, contentType string, data []byte, err error) {
	r.Body = http.MaxBytesReader(nil, r.Body, cloudapi.MaxMediaBytes+maxBody)
	form, err := r.MultipartReader()
	if err != nil {
		return "", "", nil, err
	}
	var partType, typeField string
	found := false
	for {
		part, err := form.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", "", nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return "", "", nil, err
		}
		switch part.FormName() {
		case "messaging_product":
			product = string(content)
		case "type":
			typeField = string(content)
		case "file":
			data, partType, found = content, part.Header.Get("Content-Type"), true
		}
	}
	if !found {
		return "", "", nil, multipart.ErrMessageTooLarge
	}
	if partType == "" || partType == "application/octet-stream" {
		partType = typeField
	}
	return product, partType, data, nil
}

// putMedia stores media and returns its entry.
func (s *Server) putMedia(n *Number, contentType string, data []byte, life time.Duration) (*media, error) {
	unlock := s.change()
	id := s.newMediaID()
	unlock()
	if err := s.storeMedia(id, data); err != nil {
		return nil, err
	}
	defer s.change()()
	sum := sha256.Sum256(data)
	m := &media{
		ID: id, Type: contentType, SHA256: hex.EncodeToString(sum[:]), Size: int64(len(data)), Number: n.ID,
		Uploaded: s.now(), Lifetime: Duration(life), Data: data,
	}
	s.state.Media[id] = m
	return m, nil
}

// mediaOf returns media of a number that still exists, or nil.
func (s *Server) mediaOf(n *Number, id string) *media {
	m := s.state.Media[id]
	if m == nil || m.Number != n.ID || s.now().After(m.Uploaded.Add(time.Duration(m.Lifetime))) {
		return nil
	}
	return m
}

// reachableMedia finds the media of a request, if its token may see it.
func (s *Server) reachableMedia(c *call) (*media, *cloudapi.Error) {
	missing := cloudapi.NewError(cloudapi.CodeBadObject, "Unsupported request. Object with this ID does not exist or cannot be loaded due to missing permissions.")
	m := s.state.Media[c.node]
	if m == nil {
		return nil, missing
	}
	owner, _ := s.tokenOwner(c.token)
	n := s.number(m.Number)
	asked := c.request.URL.Query().Get("phone_number_id")
	if n == nil || s.mediaOf(n, m.ID) == nil || (owner != "" && owner != m.Number) || (asked != "" && asked != m.Number) {
		return nil, missing
	}
	return m, nil
}

// getMedia answers GET /{MEDIA_ID} with an address that lives for five minutes.
func (s *Server) getMedia(c *call) (any, *cloudapi.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.reachableMedia(c)
	if err != nil {
		return nil, err
	}
	base := s.url()
	if s.config.BaseURL == "" && c.request.Host != "" {
		base = "http://" + c.request.Host
	}
	return map[string]any{
		"messaging_product": "whatsapp", "url": s.mediaURL(base, m.ID), "mime_type": m.Type, "sha256": m.SHA256,
		"file_size": m.Size, "id": m.ID,
	}, nil
}

func (s *Server) deleteMedia(c *call) (any, *cloudapi.Error) {
	defer s.change()()
	m, err := s.reachableMedia(c)
	if err != nil {
		return nil, err
	}
	delete(s.state.Media, m.ID)
	if err := s.removeMedia(m.ID); err != nil {
		s.log.Error("media file not removed", "error", err)
	}
	return success, nil
}

// mediaURL signs an address for media with its end of life.
func (s *Server) mediaURL(base, id string) string {
	end := unix(s.now().Add(urlLife))
	query := url.Values{"mid": {id}, "ext": {end}, "hash": {s.mediaHash(id, end)}}
	return base + "/whatsapp_business/attachments/?" + query.Encode()
}

func (s *Server) mediaHash(id, end string) string {
	mac := hmac.New(sha256.New, []byte("media "+s.config.AppSecret))
	mac.Write([]byte(id + "|" + end))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// serveMedia answers a media address: 401 without a token, 404 when it is over.
func (s *Server) serveMedia(w http.ResponseWriter, r *http.Request) {
	c := &call{request: r, kind: KindDownload, token: bearer(r), node: r.URL.Query().Get("mid")}
	s.withFault(w, c, func(w http.ResponseWriter) {
		owner, known := s.tokenOwner(c.token)
		if !known {
			writeError(w, &cloudapi.Error{Code: cloudapi.CodeToken, Details: "The access token is missing or could not be decrypted"})
			return
		}
		query := r.URL.Query()
		end := query.Get("ext")
		expires, err := strconv.ParseInt(end, 10, 64)
		valid := err == nil && hmac.Equal([]byte(query.Get("hash")), []byte(s.mediaHash(c.node, end)))
		s.mu.Lock()
		m, now := s.state.Media[c.node], s.now()
		s.mu.Unlock()
		if !valid || now.Unix() >= expires || m == nil || (owner != "" && owner != m.Number) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", m.Type)
		w.Header().Set("Content-Length", formatInt(m.Size))
		if r.Method == http.MethodHead {
			return
		}
		if _, err := w.Write(m.Data); err != nil {
			s.log.Debug("media download ended early", "media_id", m.ID)
		}
	})
}
