DROP TABLE oidc_used_states, oidc_identities, oidc_settings;
