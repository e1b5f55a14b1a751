package cloudapi

import (
	"mime"
	"slices"
	"strings"
)

type mediaRule struct {
	max   int64
	mimes []string
}

const megabyte = 1 << 20

var mediaRules = map[string]mediaRule{
	"audio": {16 * megabyte, []string{"audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"}},
	"image": {5 * megabyte, []string{"image/jpeg", "image/png"}},
	"video": {16 * megabyte, []string{"video/mp4", "video/3gpp"}},
	"document": {100 * megabyte, []string{
		"text/plain", "application/pdf", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
		"application/vnd.openxmlformats-officedocument.wordprocessingml.document",
		"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
		"application/vnd.openxmlformats-officedocument.presentationml.presentation",
	}},
	"sticker": {500 << 10, []string{"image/webp"}},
}

// MaxMediaBytes is the largest upload of any type.
const MaxMediaBytes = 100 * megabyte

// CheckUpload refuses a media type that cannot be sent and a file that is too
// large for its type.
func CheckUpload(contentType string, size int64) *Error {
	for _, rule := range mediaRules {
		if !slices.Contains(rule.mimes, baseType(contentType)) {
			continue
		}
		if size == 0 || size > rule.max {
			return NewError(CodeParameter, "Param file must be of 1 to %d bytes for this type.", rule.max)
		}
		return nil
	}
	return NewError(CodeParameter, "Param file must be a file with one of the supported types.")
}

// MediaFits reports whether media of a content type can be sent as a message of
// a type. A document may carry any supported type.
func MediaFits(messageType, contentType string) bool {
	return messageType == "document" || slices.Contains(mediaRules[messageType].mimes, baseType(contentType))
}

func baseType(contentType string) string {
	base, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		base, _, _ = strings.Cut(contentType, ";")
	}
	return strings.ToLower(strings.TrimSpace(base))
}
