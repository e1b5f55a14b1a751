// Package topology holds the test of production's topology: what docker-compose.yml describes, as plain processes of the
// real binary. A Temporal server on PostgreSQL, two serving and two working processes behind a proxy, and the simulator.
package topology
