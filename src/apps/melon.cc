// SPDX-License-Identifier: Apache-2.0
// The `melon` program.
#include "cli/command_line.h"

int main(int argc, char** argv) { return melon::cli::run_melon(argc, argv); }
