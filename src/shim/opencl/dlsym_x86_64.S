// SPDX-License-Identifier: Apache-2.0
// dlsym(handle, name). For names that are not ours it jumps to the real dlsym with the stack as it
// was, so that the real one sees the program's return address and RTLD_NEXT means the program's.
    .text
    .globl dlsym
    .type dlsym, @function
    .p2align 4
dlsym:
    .cfi_startproc
    endbr64
    testq %rsi, %rsi
    je 1f
    cmpb $0x63, (%rsi)          // 'c'
    jne 1f
    cmpb $0x6c, 1(%rsi)         // 'l'
    je 3f
1:  movq melon_real_dlsym(%rip), %rax
    testq %rax, %rax
    je 2f
    jmp *%rax

2:  // First use: find the real dlsym, then jump.
    pushq %rdi
    .cfi_adjust_cfa_offset 8
    pushq %rsi
    .cfi_adjust_cfa_offset 8
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    call melon_find_dlsym
    addq $8, %rsp
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
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    movq %rsi, %rdi
    movq 24(%rsp), %rsi         // the caller
    call melon_is_ours
    addq $8, %rsp
    .cfi_adjust_cfa_offset -8
    popq %rsi
    .cfi_adjust_cfa_offset -8
    popq %rdi
    .cfi_adjust_cfa_offset -8
    testl %eax, %eax
    je 1b
    jmp melon_dlsym

4:  ret                          // no dlsym anywhere: null
    .cfi_endproc
    .size dlsym, .-dlsym
    .section .note.GNU-stack,"",@progbits
