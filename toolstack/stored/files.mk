# SPDX-License-Identifier: MIT
# The engine is what unit tests and fuzzers link, too; see tests/rules.mk.
stored_engine := change.o conn.o control.o domain.o engine.o journal.o map.o path.o perm.o \
	quota.o request.o request_domain.o ring.o stale.o state.o state_replay.o tree.o tx.o watch.o
prog-y += vl-stored
vl-stored-y := $(stored_engine) core.o machine.o main.o sock.o
vl-stored-libs := -levent_core
