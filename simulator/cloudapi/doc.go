// Package cloudapi holds what the WhatsApp Cloud API accepts and refuses, as
// pure functions: it parses the body of a send, checks every limit that Meta
// documents, checks a template's parameters and the media types, and knows the
// error codes with their HTTP statuses.
//
// It keeps no state. Whether a recipient exists, whether the customer service
// window is open and how fast may be sent is decided by package simulator.
package cloudapi
