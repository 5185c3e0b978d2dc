// SPDX-License-Identifier: Apache-2.0
// Words for shells, read back by a shell.
#include "base/shell_word.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace melon {
namespace {

std::string as_a_shell_reads(const std::string& word) {
  FILE* const pipe = ::popen(("printf %s " + word).c_str(), "r");
  std::string text(256, '\0');
  text.resize(::fread(text.data(), 1, text.size(), pipe));
  ::pclose(pipe);
  return text;
}

TEST(ShellWord, IsWhatItWas) {
  for (const std::string text :
       {"", "plain-1.2/x", "two words", "it's", "$HOME `id` \"x\" \\", "*"})
    EXPECT_EQ(as_a_shell_reads(shell_word(text)), text);
}

TEST(ShellWord, QuotesOnlyWhatNeedsIt) {
  EXPECT_EQ(shell_word("/run/melon.sock"), "/run/melon.sock");
  EXPECT_EQ(shell_word("a b"), "'a b'");
}

}  // namespace
}  // namespace melon
