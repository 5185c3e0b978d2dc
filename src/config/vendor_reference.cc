// SPDX-License-Identifier: Apache-2.0
// Prints the JSON schema of vendor descriptors.
#include <cstdio>

#include "config/descriptors.h"

int main() { return std::fputs(melon::config::descriptor_schema().c_str(), stdout) < 0 ? 1 : 0; }
