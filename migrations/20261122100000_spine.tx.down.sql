DROP TABLE parked_updates, notices, webhooks, dispatches, decisions, events, receipts, amendments, reactions,
    attachments, messages, conversations, consents, consent_changes, identities, contacts, account_limits, accounts,
    attribute_definitions, notifications, audit_entries, api_tokens, team_members, agents, teams, installation;
