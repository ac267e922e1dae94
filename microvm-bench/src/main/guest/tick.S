# A kernel with a PVH entry that writes to each page of RAM between 2 MiB and 4 GiB, and then to port 0xe9 for ever: each
# write says that it runs. If it reads a 1 there, it halts.
        .set    NOTE_PHYS32_ENTRY, 18   # XEN_ELFNOTE_PHYS32_ENTRY
        .set    MEMORY_MAP, 40          # struct hvm_start_info: address of the memory map, and the number of its entries
        .set    MEMORY_MAP_ENTRIES, 48
        .set    SIZE, 8                 # struct hvm_memmap_table_entry
        .set    TYPE, 16
        .set    ENTRY, 24
        .set    RAM, 1
        .set    FIRST, 2 << 20
        .set    PAGE, 4096
        .set    TICK_PORT, 0xe9
        .set    TURNS, 1000             # between two ticks

        .section .note.Xen, "a", @note
        .long   4, 4, NOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   _start

        .text
        .code32
        .globl  _start
_start: movl    MEMORY_MAP(%ebx), %esi
        movl    MEMORY_MAP_ENTRIES(%ebx), %ecx
entry:  cmpl    $RAM, TYPE(%esi)
        jne     next
        cmpl    $0, 4(%esi)             # above 4 GiB
        jne     next
        movl    (%esi), %edi
        movl    %edi, %edx
        addl    SIZE(%esi), %edx
        cmpl    $FIRST, %edi
        jae     touch
        movl    $FIRST, %edi
touch:  cmpl    %edx, %edi
        jae     next
        movl    %edi, (%edi)
        addl    $PAGE, %edi
        jmp     touch
next:   addl    $ENTRY, %esi
        decl    %ecx
        jnz     entry

        movw    $TICK_PORT, %dx
tick:   movb    $'.', %al
        outb    %al, %dx
        inb     %dx, %al
        decb    %al
        jz      halt
        movl    $TURNS, %ecx
1:      decl    %ecx
        jnz     1b
        jmp     tick
halt:   hlt
        jmp     halt
