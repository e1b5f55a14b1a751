package signin_test

import "github.com/alexedwards/argon2id"

// hashAt hashes a password with so many KiB of memory.
func hashAt(password string, memory uint32) (string, error) {
	return argon2id.CreateHash(password, &argon2id.Params{Memory: memory, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
}
