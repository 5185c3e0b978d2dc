// SPDX-License-Identifier: Apache-2.0
// dlsym(handle, name) and dlvsym(handle, name, version). For names that are not ours they jump to
// the real function with the stack as it was, so that the real one sees the program's return
// address and RTLD_NEXT means the program's.
    .text

// entry, the real one, what finds that, what answers for our names
    .macro look_up entry, real, find, answer
    .globl \entry
    .type \entry, @function
    .p2align 4
\entry:
    .cfi_startproc
    endbr64
    testq %rsi, %rsi
    je 1f
    cmpb $0x63, (%rsi)          // 'c'
    jne 1f
    cmpb $0x6c, 1(%rsi)         // 'l'
    je 3f
1:  movq \real(%rip), %rax
    testq %rax, %rax
    je 2f
    jmp *%rax

2:  // First use: find the real one, then jump.
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    pushq %rdx                   // the version; and the stack is aligned
    .cfi_adjust_cfa_offset 8
    call \find
    popq %rdx
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    testq %rax, %rax
    je 4f
    jmp *%rax

3:  // A name that begins with "cl": ours?
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    pushq %rdx
    .cfi_adjust_cfa_offset 8
    movq %rsi, %rdi
    movq 24(%rsp), %rsi         // the caller
    call melon_is_ours
    popq %rdx
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    testl %eax, %eax
    je 1b
    jmp \answer

4:  ret                          // it is nowhere: null
    .cfi_endproc
    .size \entry, .-\entry
    .endm

    look_up dlsym, melon_real_dlsym, melon_find_dlsym, melon_dlsym
    look_up dlvsym, melon_real_dlvsym, melon_find_dlvsym, melon_dlvsym
    .section .note.GNU-stack,"",@progbits
