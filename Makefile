# The two commands of the README, `make demo` and `make test`, and a few short ones. The build itself is meson's.

BUILD ?= build
# Passed to meson, for instance: make install MESON_OPTIONS=--prefix=/usr
MESON_OPTIONS ?=

.PHONY: all setup configure build demo test install clean

all: build

# Installs what is missing with the system's package manager, or says what to install.
setup:
	@tools/setup

# ninja notices changed meson.build files by itself; only new options ask for a reconfiguration.
configure: setup
	@if [ ! -f '$(BUILD)/build.ninja' ]; then \
	    meson setup '$(BUILD)' $(MESON_OPTIONS); \
	elif [ -n '$(MESON_OPTIONS)' ]; then \
	    meson setup --reconfigure '$(BUILD)' $(MESON_OPTIONS); \
	fi

build: configure
	@meson compile -C '$(BUILD)'

demo: build
	@tools/demo '$(BUILD)'

test: build
	@tools/run-tests '$(BUILD)'

install: build
	@meson install -C '$(BUILD)' --no-rebuild

clean:
	rm -rf '$(BUILD)' demo
