// Package intent understands whether a message in the customer's own words asks to be left alone: it is the classifier behind
// [optout.Classifier] that needs no network and no service. A few small convolutional networks look at the words of a message, and
// beside them the weights of words that stand together; the mean of what they say counts. They see each word as it is spelt and as what
// it stands for in a lexicon of nine languages, so that what is learnt in one language helps in all.
//
// They learnt from sentences that were written for this (corpus/, see train/); others (heldout/) choose from which likelihood a wish
// is certain. It rather asks an agent about a wish than silence somebody who had none.
package intent
