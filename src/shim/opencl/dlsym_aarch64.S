// SPDX-License-Identifier: Apache-2.0
// dlsym(handle, name) and dlvsym(handle, name, version) for aarch64; see dlsym_x86_64.S. x30 is the
// program's return address.
    .text

// entry, the real one, what finds that, what answers for our names
    .macro look_up entry, real, find, answer
    .globl \entry
    .type \entry, %function
    .p2align 4
\entry:
    .cfi_startproc
    cbz x1, 1f
    ldrb w9, [x1]
    cmp w9, #'c'
    b.ne 1f
    ldrb w9, [x1, #1]
    cmp w9, #'l'
    b.eq 3f
1:  adrp x9, \real
    ldr x9, [x9, :lo12:\real]
    cbz x9, 2f
    br x9

2:  stp x0, x1, [sp, #-32]!
    .cfi_adjust_cfa_offset 32
    stp x2, x30, [sp, #16]
    .cfi_rel_offset x30, 24
    bl \find
    mov x9, x0
    ldp x2, x30, [sp, #16]
    ldp x0, x1, [sp], #32
    .cfi_restore x30
    .cfi_adjust_cfa_offset -32
    cbz x9, 4f
    br x9

3:  stp x0, x1, [sp, #-32]!
    .cfi_adjust_cfa_offset 32
    stp x2, x30, [sp, #16]
    .cfi_rel_offset x30, 24
    mov x0, x1
    mov x1, x30
    bl melon_is_ours
    mov w9, w0
    ldp x2, x30, [sp, #16]
    ldp x0, x1, [sp], #32
    .cfi_restore x30
    .cfi_adjust_cfa_offset -32
    cbz w9, 1b
    b \answer

4:  mov x0, #0
    ret
    .cfi_endproc
    .size \entry, .-\entry
    .endm

    look_up dlsym, melon_real_dlsym, melon_find_dlsym, melon_dlsym
    look_up dlvsym, melon_real_dlvsym, melon_find_dlvsym, melon_dlvsym
    .section .note.GNU-stack,"",%progbits
