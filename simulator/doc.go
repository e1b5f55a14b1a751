// Package simulator is a local WhatsApp Cloud API with customers' phones: what
// Meta's servers do for a business, and what customers do, without either.
//
// # The Cloud API
//
// A Server answers the versioned paths of the Graph API (/v20.0 to /v30.0) as
// strictly as Meta does: messages, read marks and typing indicators, media,
// phone numbers, subscribed apps with callback overrides, templates (reading)
// and blocked users. Recipients, limits, the 24-hour window, pair and number
// rates, opt-outs and templates are checked; some refusals are synchronous and
// others arrive as a `failed` status, as with Meta. Package cloudapi holds the
// rules that need no state.
//
// A phone that nobody has set up counts as a person on WhatsApp. A recipient
// without + gets the country code of the business number put before it.
//
// # Webhooks
//
// Updates are posted to the callback, signed over the raw bytes, in parallel,
// until the status is 200, on a schedule that Config.Webhooks compresses. Without
// a callback they wait. With a data file nothing is lost in a restart; an update
// whose answer was not seen is posted again, because Meta promises at least once.
//
// # The control API
//
// Everything that people do with their phones, and all mischief, is asked for
// under /control, in JSON. GET /control lists the routes with example bodies:
//
//	POST /control/customers                          {"phone":"33612345678","name":"Anna","auto_read":true}
//	POST /control/customers/{phone}/send             {"type":"text","text":"Bonjour"}
//	GET  /control/customers/{phone}/messages         ?all=true for both directions
//	POST /control/customers/{phone}/read             {"message_id":"…"}; all without it; also /played
//	POST /control/customers/{phone}/block            {"result":"silent"} or "fail"; also /unblock
//	POST /control/customers/{phone}/change-number    {"phone":"33687654321"}
//	POST /control/customers/{phone}/change-user-id   {"user_id":"FR.123"}
//	POST /control/customers/{phone}/marketing        {"value":"stop"}
//	POST /control/customers/{phone}/call             {"event":"connect"}
//	POST /control/customers/{phone}/echo             {"text":"typed in the WhatsApp Business app"}
//	GET  /control/accepted                           ?phone= ?opaque= ?after=
//	GET  /control/webhooks                           delivery log; POST …/release lets held ones go
//	POST /control/raw                                {"field":"account_alerts","value":{}}
//	POST /control/callback                           {"url":"http://…","verify":true}
//	POST /control/clock                              {"advance":"23h"} or {"offset_seconds":0}
//	POST /control/faults                             {"on":"messages","action":"hang","count":1}
//	POST /control/templates                          {"name":"hello","language":"fr","category":"UTILITY","components":[…]}
//	GET  /control/mailbox                            ?to=ana@example.com; also /control/mailbox/{id}, and DELETE
//
// {phone} is a phone, a WhatsApp id or a business-scoped user id. A message is
// named by its WhatsApp id or by the biz_opaque_callback_data it was sent with.
// Client speaks this API. It has no password: keep the listen address local.
//
// # The mailbox
//
// With Config.MailAddr an SMTP server takes every mail for everybody and keeps the newest in memory. People read them at
// /mailbox, programs at /control/mailbox.
//
// # Time
//
// Timestamps, windows, rates, lives of media and the delays between statuses
// follow the simulator's clock, which can be moved. Retries of webhooks follow
// real time, because they deal with a real receiver.
//
// Logs carry ids, counts and codes, never words, names or numbers of customers.
package simulator
