package simulator

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Mails returns the mails of the mailbox, the oldest first; those to one recipient if to is not empty.
func (c *Client) Mails(ctx context.Context, to string) ([]Mail, error) {
	var answer struct{ Mails []Mail }
	err := c.do(ctx, http.MethodGet, "/control/mailbox?to="+url.QueryEscape(to), nil, &answer)
	return answer.Mails, err
}

// Mail returns one mail.
func (c *Client) Mail(ctx context.Context, id string) (Mail, error) {
	var answer Mail
	err := c.do(ctx, http.MethodGet, "/control/mailbox/"+url.PathEscape(id), nil, &answer)
	return answer, err
}

// ClearMails empties the mailbox.
func (c *Client) ClearMails(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "/control/mailbox", nil, nil)
}

// AwaitMails waits until a recipient has got at least n mails.
func (c *Client) AwaitMails(ctx context.Context, to string, n int) ([]Mail, error) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		mails, err := c.Mails(ctx, to)
		if err != nil || len(mails) >= n {
			return mails, err
		}
		select {
		case <-ctx.Done():
			return mails, fmt.Errorf("simulator client: %d of %d mails have arrived: %w", len(mails), n, ctx.Err())
		case <-ticker.C:
		}
	}
}
