package accounts

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"guichet.dev/guichet/conversation"
)

// CheckBaseURL returns the address of a provider's API in canonical form, without a trailing slash. Unless allowPrivate,
// it must be https and not name this machine or a private network.
func CheckBaseURL(raw string, allowPrivate bool) (string, error) {
	const field = "api_base_url"
	u, err := url.Parse(strings.TrimRight(strings.TrimSpace(raw), "/"))
	if err != nil || u.Host == "" || u.Hostname() == "" || len(raw) > 500 {
		return "", conversation.Invalid(field, "must be an address such as https://graph.facebook.com")
	}
	if u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", conversation.Invalid(field, "must have no user, query or fragment")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !allowPrivate) {
		return "", conversation.Invalid(field, "must begin with https://")
	}
	if !allowPrivate && privateHost(u.Hostname()) {
		return "", conversation.Invalid(field, "must not lie in a private network (GUICHET_ALLOW_PRIVATE_PROVIDERS allows it)")
	}
	return u.String(), nil
}

func privateHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && private(addr)
}

// internet is the part of IPv6 from which addresses of the internet are given out (RFC 4291, IANA). The rest is for networks
// of one's own or leads to IPv4 addresses.
var internet = netip.MustParsePrefix("2000::/3")

// reserved are networks that are not the internet's and that [netip.Addr] has no word for.
var reserved = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("168.63.129.16/32"),                                  // Azure's services for its own machines
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), // Teredo and other protocols, documentation
	netip.MustParsePrefix("2002::/16"), // IPv4 inside IPv6
}

func private(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !internet.Contains(addr) {
		return true
	}
	for _, network := range reserved {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// DialControl refuses connections into private networks. It is for the ControlContext of the dialer with which adapters
// call providers: it sees the address after the name was resolved, so that no name can lead inside.
func DialControl(_ context.Context, _, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("dial a provider: %w", err)
	}
	if private(at.Addr()) {
		return &net.AddrError{Err: "a provider's address lies in a private network (GUICHET_ALLOW_PRIVATE_PROVIDERS allows it)", Addr: at.Addr().String()}
	}
	return nil
}
