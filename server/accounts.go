package server

import (
	"context"
	"net/http"

	"guichet.dev/guichet/accounts"
	"guichet.dev/guichet/channel"
	"guichet.dev/guichet/conversation"
	"guichet.dev/guichet/team"
)

// accountView is an account as admins and agents see it: which secrets it has, never what they are.
type accountView struct {
	accounts.Account
	SecretsSet  accounts.SecretsSet `json:"secrets_set" doc:"Which secrets the account has; they are never shown"`
	WebhookPath string              `json:"webhook_path" doc:"Where the provider must post, below this server's public address"`
}

func viewAccount(a accounts.Account) accountView {
	return accountView{Account: a, SecretsSet: a.SecretsSet(), WebhookPath: webhookPath(a.Channel, a.ID)}
}

func replyAccount(a accounts.Account, err error) (*answer[accountView], error) {
	return reply(viewAccount(a), err)
}

// secretsInput are secrets as they are set. They are never read back.
type secretsInput struct {
	AccessToken string `json:"access_token,omitempty" maxLength:"2000" writeOnly:"true" doc:"With which we call the provider"`
	AppSecret   string `json:"app_secret,omitempty" maxLength:"2000" writeOnly:"true" doc:"With which the provider signs its posts"`
	VerifyToken string `json:"verify_token,omitempty" maxLength:"2000" writeOnly:"true" doc:"With which the provider verifies our address"`
}

// AccountPath names an account in a path. It is exported because huma fills only exported structs that are embedded.
type AccountPath struct {
	ID string `path:"account_id" format:"uuid"`
}

type createAccount struct {
	Body struct {
		Channel        conversation.Channel    `json:"channel"`
		Name           string                  `json:"name" minLength:"1" maxLength:"100"`
		ProviderID     string                  `json:"provider_id" minLength:"1" maxLength:"100" doc:"WhatsApp: the phone number id"`
		BusinessID     string                  `json:"business_id,omitempty" maxLength:"100" doc:"WhatsApp: the business account id"`
		DisplayAddress string                  `json:"display_address,omitempty" maxLength:"100" doc:"The address that customers see"`
		APIBaseURL     string                  `json:"api_base_url,omitempty" maxLength:"500" default:"https://graph.facebook.com" doc:"https, and not in a private network"`
		APIVersion     string                  `json:"api_version,omitempty" maxLength:"20" default:"v26.0"`
		Secrets        secretsInput            `json:"secrets"`
		Settings       accounts.SettingsChange `json:"settings,omitempty"`
	}
}

type updateAccount struct {
	AccountPath
	Body struct {
		Name           *string                 `json:"name,omitempty" minLength:"1" maxLength:"100"`
		BusinessID     *string                 `json:"business_id,omitempty" maxLength:"100"`
		DisplayAddress *string                 `json:"display_address,omitempty" maxLength:"100"`
		APIBaseURL     *string                 `json:"api_base_url,omitempty" maxLength:"500"`
		APIVersion     *string                 `json:"api_version,omitempty" minLength:"1" maxLength:"20"`
		Secrets        secretsInput            `json:"secrets,omitempty" doc:"An absent or empty one stays as it is"`
		Settings       accounts.SettingsChange `json:"settings,omitempty" doc:"An absent one stays as it is"`
	}
}

// known reports whether the caller sees an account or administers it.
func known(ctx context.Context, accountID string) bool {
	p := caller(ctx)
	return p.Sight.Sees(accountID) || p.Administers(accountID)
}

// mayKnow returns not_found for an account that the caller neither sees nor administers.
func (*Server) mayKnow(ctx context.Context, accountID string) error {
	if !known(ctx, accountID) {
		return accounts.NotFound()
	}
	return nil
}

// maySee returns not_found for an account whose conversations the caller does not see: for what tells of them.
func (*Server) maySee(ctx context.Context, accountID string) error {
	if !caller(ctx).Sight.Sees(accountID) {
		return accounts.NotFound()
	}
	return nil
}

func (s *Server) registerAccounts() {
	register(s, operation{
		id: "list-accounts", method: http.MethodGet, path: "/accounts", permission: team.ReadAccounts, tag: "accounts",
		summary: "The connected accounts by name",
	}, func(ctx context.Context, _ *struct{}) (*answer[list[accountView]], error) {
		all, err := s.Accounts.List(ctx)
		views := make([]accountView, 0, len(all))
		for _, a := range all {
			if known(ctx, a.ID) {
				views = append(views, viewAccount(a))
			}
		}
		return replyList(views, err)
	})
	register(s, operation{
		id: "get-account", method: http.MethodGet, path: "/accounts/{account_id}", permission: team.ReadAccounts, tag: "accounts",
		summary: "One account",
	}, func(ctx context.Context, in *AccountPath) (*answer[accountView], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		return replyAccount(s.Accounts.Get(ctx, in.ID))
	})
	register(s, operation{
		id: "create-account", method: http.MethodPost, path: "/accounts", permission: team.WriteAccounts, tag: "accounts",
		status: http.StatusCreated, summary: "Connect an account",
	}, func(ctx context.Context, in *createAccount) (*answer[accountView], error) {
		if caller(ctx).Limited { // it would not see what it makes
			return nil, conversation.Errorf(conversation.CodeForbidden, "a token that is limited to some accounts cannot connect another")
		}
		b := &in.Body
		return replyAccount(s.Accounts.Create(ctx, actor(ctx), accounts.New{
			Channel: b.Channel, Name: b.Name, ProviderID: b.ProviderID, BusinessID: b.BusinessID, DisplayAddress: b.DisplayAddress,
			APIBaseURL: b.APIBaseURL, APIVersion: b.APIVersion, Secrets: channel.Secrets(b.Secrets), Settings: b.Settings,
		}))
	})
	register(s, operation{
		id: "update-account", method: http.MethodPatch, path: "/accounts/{account_id}", permission: team.WriteAccounts, tag: "accounts",
		summary: "Change an account; what is absent stays as it is",
	}, func(ctx context.Context, in *updateAccount) (*answer[accountView], error) {
		if err := s.mayKnow(ctx, in.ID); err != nil {
			return nil, err
		}
		b := &in.Body
		return replyAccount(s.Accounts.Update(ctx, actor(ctx), in.ID, accounts.Change{
			Name: b.Name, BusinessID: b.BusinessID, DisplayAddress: b.DisplayAddress, APIBaseURL: b.APIBaseURL,
			APIVersion: b.APIVersion, Secrets: channel.Secrets(b.Secrets), Settings: b.Settings,
		}))
	})
}
