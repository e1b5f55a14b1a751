// Package labels holds the labels of the organisation and which conversations have them. A deleted label is offered no
// more, but stays readable on the conversations that have it and in their history.
package labels
