DROP TABLE bulk_targets, bulk_actions;
