// SPDX-License-Identifier: Apache-2.0
// Calls the first of two foo()s, which calls the second.
int foo(void);
int main(void) { return foo(); }
