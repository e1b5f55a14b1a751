// Package devstack starts and stops what a development machine needs and production gets from elsewhere: a PostgreSQL
// server from the machine's own binaries and a Temporal development server.
//
// Both are children of this process. They listen on 127.0.0.1 only, keep their data and their logs in a folder of the
// project, and sit in a process group of their own, so that Ctrl-C in a terminal reaches Guichet first, which drains and
// then stops them. On Linux they also end when this process is killed. What kill -9 leaves behind is recovered at the next
// start.
package devstack
