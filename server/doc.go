// Package server is Guichet's face to the network: the addresses to which providers post, the HTTP API with its OpenAPI
// document, health and metrics. One file per resource.
//
// A handler checks what HTTP alone can know, calls one command or query, and returns what it says; problem.go is the only
// place that turns errors into answers. Every operation of the API names the permission that it needs (see operation).
// The providers' addresses stand outside the API and its middleware: they must take thousands of posts a second.
package server
