package main

import (
	"math/rand/v2"
	"strings"
	"unicode"
)

// augment writes a message as people type it: with errors, without accents, in capitals, with something before and after it.
func augment(text string, random *rand.Rand) string {
	if random.Float64() < 0.3 {
		text = typo(text, random)
	}
	if random.Float64() < 0.1 {
		text = typo(text, random)
	}
	switch n := random.Float64(); {
	case n < 0.08:
		text = strings.ToUpper(text)
	case n < 0.4:
		text = strings.ToLower(text)
	}
	if random.Float64() < 0.15 {
		text = dropPunctuation(text)
	}
	return text
}

// typo makes one typing error: two letters swapped, one left out or doubled.
func typo(text string, random *rand.Rand) string {
	letters := []rune(text)
	if len(letters) < 6 {
		return text
	}
	i := 1 + random.IntN(len(letters)-2)
	if !unicode.IsLetter(letters[i]) || !unicode.IsLetter(letters[i-1]) {
		return text
	}
	switch random.IntN(3) {
	case 0:
		letters[i], letters[i-1] = letters[i-1], letters[i]
	case 1:
		letters = append(letters[:i:i], letters[i+1:]...)
	default:
		letters = append(letters[:i+1:i+1], letters[i:]...)
	}
	return string(letters)
}

func dropPunctuation(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPunct(r) && r != '\'' && r != '’' {
			return -1
		}
		return r
	}, text)
}
