# SPDX-License-Identifier: Apache-2.0
# Debian packages by name. `deps` installs what is missing where it may, and says what is missing where it may not.
DEPS_BUILD = tzdata gcc make pkg-config libc6-dev libcurl4-openssl-dev libcjson-dev liblmdb-dev libssl-dev libidn2-dev libexpat1-dev libarchive-dev libsodium-dev libjwt-dev libmicrohttpd-dev zlib1g-dev libxlsxwriter-dev libhpdf-dev libfribidi-dev fonts-liberation fonts-dejavu-core
DEPS_DEMO = $(DEPS_BUILD) jq curl
DEPS_DOCUMENTS = poppler-utils tesseract-ocr tesseract-ocr-eng libtiff-tools
DEPS_CHECK = $(DEPS_DEMO) $(DEPS_NODE) $(DEPS_DOCUMENTS) qpdf libcmocka-dev perl strace openssl ca-certificates e2fsprogs mount tmux procps chromium unzip libxml2-utils
DEPS_LINT = clang clang-format clang-tidy cppcheck shellcheck mandoc bear
# npm may come from elsewhere than Debian, whose package would then conflict with it.
DEPS_NODE = $(if $(shell command -v npm),,nodejs npm)
DEPS_CHECK_ALL = $(DEPS_CHECK) $(DEPS_LINT) libclang-rt-14-dev prometheus wrk python3-aiosmtpd

define install_packages
@missing=$$(for p in $(1); do dpkg-query -W -f='$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
if [ -z "$$missing" ]; then exit 0; fi; \
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
  echo "installing:" $$missing; \
  export DEBIAN_FRONTEND=noninteractive; \
  apt-get install -y -qq --no-install-recommends $$missing >/dev/null 2>&1 || { apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing >/dev/null; }; \
else \
  echo "missing packages (as root: apt-get install -y" $$missing")"; exit 1; \
fi
endef

deps: ## install the missing Debian packages to build and show it
	$(call install_packages,$(DEPS_DEMO))

deps-check: ## install what `make check` needs
	$(call install_packages,$(DEPS_CHECK))

deps-check-all: ## install what `make check-all` and `make lint` need
	$(call install_packages,$(DEPS_CHECK_ALL))

.PHONY: deps deps-check deps-check-all
