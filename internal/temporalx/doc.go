// Package temporalx connects to Temporal: a client that waits for the server instead of failing without it, the SDK's
// metrics on our registry, its log lines in ours, and the search attributes that our workflows need.
package temporalx
