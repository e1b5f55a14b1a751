// Package search finds people and messages. What they are found by stands in two tables of its own, which a reader of the
// event feed keeps a second or so behind, so that receiving a message costs nothing more; the texts themselves stay where
// they are, and what is shown is always read from there.
//
// Words are folded here and nowhere else: in lower case, without accents, whatever the language. So what is looked for,
// what is found and what is highlighted cannot disagree.
//
// A common word is found quickest from the newest message backwards, a rare one by the index. Which is which need not be
// known: the newest entries are looked through up to a bound, and if they do not fill the page the word cannot be common
// there, and the index is asked for slices of time that grow the further back they lie.
package search
