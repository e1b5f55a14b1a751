DROP INDEX conversations_load;
ALTER TABLE conversations DROP COLUMN offer_until, DROP COLUMN queued_at;
DROP TABLE assignment_calls, assignment_queue, assignment_offers, agent_capacities, assignment_plans;
DROP SEQUENCE assignment_turns;
