// SPDX-License-Identifier: Apache-2.0
// Prints the reference page of the configuration.
#include <cstdio>

#include "config/keys.h"

int main() { return std::fputs(melon::config::reference_page().c_str(), stdout) < 0 ? 1 : 0; }
