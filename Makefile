# One build profile for everything: what is tested is what ships, and RocksDB (12 minutes
# on two cores) is compiled once. Its library is kept in $(CACHE) for the next checkout.

CACHE ?= $(HOME)/.cache/countersign
CARGO := cargo
BUILD := --release --locked
TOOLS := $(CACHE)/tools
DEPLOY_TOOLS := $(TOOLS)/deploy
ENTRA_TOOLS := $(TOOLS)/entra
# Builds that tests alone may have: they die when told to, or forget.
DANGERS := dangerous-fail-points,dangerous-forget-attempts
FUZZ_SECONDS ?= 600
# Real gateways and clients, and what puts them into networks of their own (Debian packages).
GATEWAYS := freeradius freeradius-utils iproute2 iputils-ping libpam-radius-auth nftables ocserv \
  openconnect openssl openvpn openvpn-auth-radius pamtester python3 radsecproxy
# Directories that are not ours, and what fills them (Debian packages).
DIRECTORIES := iproute2 ldap-utils ldb-tools openssl python3 python3-cryptography \
  python3-markdown samba samba-ad-dc samba-ad-provision samba-dsdb-modules \
  samba-vfs-modules slapd winbind
SHELL := /bin/bash

ROCKSDB := $(shell sed -n '/name = "librocksdb-sys"/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
KEPT := $(CACHE)/rocksdb-$(ROCKSDB)-$(shell uname -m)
BUILT := $(wildcard target/release/build/librocksdb-sys-*/out/librocksdb.a)
ifeq ($(BUILT),)
ifneq ($(wildcard $(KEPT)/librocksdb.a),)
export ROCKSDB_LIB_DIR := $(KEPT)
export ROCKSDB_STATIC := 1
endif
endif

.PHONY: demo test test-points check fix bench bench-cluster bench-radsec bench-recovery chaos chaos-forgets fuzz fuzz-smoke build deps llvm radclient gateways e2e entra-peers directories directory keep check-deploy

demo: build ## a whole cluster on this machine, with a login to try
	target/release/countersign demo

test: deps radclient ## every test
	$(CARGO) test $(BUILD) --workspace
	@$(MAKE) --no-print-directory keep
	$(MAKE) fuzz-smoke

# With the features that tests have, as `make test` builds: nothing is compiled for this alone.
e2e: deps gateways ## logins through real VPN gateways, with their tunnels and their fail-over
	$(CARGO) test $(BUILD) --workspace --no-run
	@SUDO=$$([ $$(id -u) = 0 ] || echo sudo); $$SUDO tests/e2e/run

# With the features that tests have, likewise.
entra-peers: deps $(ENTRA_TOOLS)/ready ## the stand-in for Entra, asked by Microsoft's own library
	$(CARGO) test $(BUILD) --workspace --no-run
	@SUDO=$$([ $$(id -u) = 0 ] || echo sudo); $$SUDO tests/entra/run $(ENTRA_TOOLS)

# With the features that tests have, likewise.
directory: deps directories ## passwords and accounts at a real Active Directory and OpenLDAP
	@IT=$$($(CARGO) test $(BUILD) --workspace --no-run --message-format=json | \
	    python3 tests/directory/binary.py) && \
	  SUDO=$$([ $$(id -u) = 0 ] || echo sudo) && $$SUDO env IT="$$IT" tests/directory/run

# A build that can be told to die is good for this alone: `make build` makes the real one again.
test-points: deps ## the leader dies between any two steps of a login
	$(CARGO) test $(BUILD) --features dangerous-fail-points --test it demo::points -- --nocapture

check: deps $(TOOLS)/bin/cargo-deny ## what never writes: format, lints, documents, licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(BUILD) --workspace --all-targets -- -D warnings
	$(CARGO) clippy $(BUILD) --workspace --all-targets --features $(DANGERS) -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc $(BUILD) --workspace --no-deps
	$(TOOLS)/bin/cargo-deny --locked check bans licenses sources
	@$(MAKE) --no-print-directory check-deploy

check-deploy: $(DEPLOY_TOOLS)/ready ## the image's recipe, the manifests, the unit
	tests/deploy/check $(DEPLOY_TOOLS)

fix: ## what writes: format and the lints that mend themselves
	$(CARGO) fmt --all
	$(CARGO) clippy $(BUILD) --workspace --all-targets --fix --allow-dirty --allow-staged

bench: build ## the budgets of the design, beside FreeRADIUS, in one run
	tests/bench/run

bench-cluster: build ## three nodes beside one, and what is noticed of kills and hand-overs
	tests/bench/cluster

bench-radsec: build ## handshakes and logins over TLS, beside radsecproxy before FreeRADIUS
	tests/bench/radsec

bench-recovery: build ## questions at a password source before, during and after its outage
	tests/bench/recovery

chaos: build ## ten minutes of faults under load, judged
	target/release/countersign-chaos --nodes 3 --minutes 10

# A build without the memory of attempts is kept apart, and the real one put back at once:
# cargo has both of each crate then, so that putting back compiles nothing.
FORGETS := target/forgets

chaos-forgets: build ## the judges find what is broken without the memory of attempts (I2)
	mkdir -p $(FORGETS)
	$(CARGO) build $(BUILD) --features dangerous-forget-attempts --bins && \
	  cp target/release/countersign{,-demo,-chaos} $(FORGETS)/; \
	  built=$$?; $(CARGO) build $(BUILD) --workspace && exit $$built
	rm -f $(FORGETS)/report.json
	! $(FORGETS)/countersign-chaos --nodes 3 --minutes 1 --report $(FORGETS)/report.json
	grep -q '"invariant": "I2"' $(FORGETS)/report.json

# For hours: `make fuzz RUNS=60000000 TARGET=packet`. See tests/fuzz/run for the rest.
fuzz: $(TOOLS)/bin/cargo-fuzz llvm ## look for crashes, FUZZ_SECONDS or RUNS of each target or of TARGET
	CARGO_FUZZ=$< FUZZ_SECONDS=$(FUZZ_SECONDS) RUNS=$(RUNS) tests/fuzz/run $(TARGET)
	tests/fuzz/reach $(TARGET)

fuzz-smoke: $(TOOLS)/bin/cargo-fuzz
	CARGO_FUZZ=$< FUZZ_SECONDS=30 tests/fuzz/run

build: deps
	$(CARGO) build $(BUILD) --workspace
	@$(MAKE) --no-print-directory keep

# libclang-cpp is another library, and no help.
deps: ## what the compiler needs beside cargo: libclang, for RocksDB's bindings
	@ldconfig -p | grep -q 'libclang[-.0-9]*\.so' || ls /usr/lib/llvm-*/lib 2>/dev/null | grep -q '^libclang[-.0-9]*\.so' || \
	  { SUDO=$$([ $$(id -u) = 0 ] || echo sudo); \
	    echo 'installing libclang and a C++ compiler (Debian packages)'; \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends \
	      g++ make libclang-dev >/dev/null; }

# The toolchain's own may not be there, and Debian's other ones are too old for it.
llvm: ## what reads coverage
	@ls $$(rustc --print sysroot)/lib/rustlib/*/bin/llvm-cov >/dev/null 2>&1 || command -v llvm-cov-19 >/dev/null || \
	  { SUDO=$$([ $$(id -u) = 0 ] || echo sudo); \
	    echo 'installing llvm-19 (a Debian package)'; \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends \
	      llvm-19 >/dev/null; }

radclient: ## a client that is not ours, to test with
	@command -v radclient >/dev/null || \
	  { SUDO=$$([ $$(id -u) = 0 ] || echo sudo); \
	    echo 'installing freeradius-utils (a Debian package)'; \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends \
	      freeradius-utils >/dev/null; }

# The packages would start servers of their own.
gateways:
	@dpkg --status $(GATEWAYS) >/dev/null 2>&1 || \
	  { SUDO=$$([ $$(id -u) = 0 ] || echo sudo); \
	    echo 'installing $(GATEWAYS) (Debian packages)'; \
	    $$SUDO apt-get update -qq && $$SUDO env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	      apt-get install -y -qq --no-install-recommends $(GATEWAYS) >/dev/null; }

# As with the gateways.
directories:
	@dpkg --status $(DIRECTORIES) >/dev/null 2>&1 || \
	  { SUDO=$$([ $$(id -u) = 0 ] || echo sudo); \
	    echo 'installing $(DIRECTORIES) (Debian packages)'; \
	    $$SUDO apt-get update -qq && $$SUDO env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
	      apt-get install -y -qq --no-install-recommends $(DIRECTORIES) >/dev/null; }

keep:
	@library=$$(ls target/release/build/librocksdb-sys-*/out/librocksdb.a 2>/dev/null | head -1); \
	if [ -n "$$library" ] && [ ! -e $(KEPT)/librocksdb.a ]; then \
	  mkdir -p $(KEPT) && cp "$$library" $(KEPT)/.new && mv $(KEPT)/.new $(KEPT)/librocksdb.a; fi

$(TOOLS)/bin/cargo-%:
	$(CARGO) install --locked --root $(TOOLS) cargo-$*

# The word that all is there comes last: an environment that was cut short is made again.
$(TOOLS)/%/ready: tests/%/requirements.txt
	@{ python3 -c 'import ensurepip, venv' && command -v curl; } >/dev/null 2>&1 || \
	  { SUDO=$$([ $$(id -u) = 0 ] || echo sudo); \
	    echo 'installing python3-venv and curl (Debian packages)'; \
	    $$SUDO apt-get update -qq && $$SUDO apt-get install -y -qq --no-install-recommends \
	      curl python3-venv >/dev/null; }
	rm -rf $(@D)
	python3 -m venv $(@D)
	$(@D)/bin/pip install --quiet --requirement $<
	touch $@
