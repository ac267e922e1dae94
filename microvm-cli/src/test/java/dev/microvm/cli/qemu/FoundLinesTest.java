package dev.microvm.cli.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Command lines that programs and pages of others have for this machine, with other paths: each is
 * taken as it is. The files that they name do not exist.
 */
final class FoundLinesTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                // microvm.nix, lib/runners/qemu.nix, with two interfaces, a volume and several vCPUs
                "-name web -M microvm,accel=kvm:tcg,acpi=on,mem-merge=on,pcie=off,pic=off,pit=off,usb=off -m 512 -smp 4"
                        + " -nodefaults -no-user-config -no-reboot -kernel bzImage -initrd initrd"
                        + " -chardev stdio,id=stdio,signal=off -device virtio-rng-device -serial chardev:stdio -enable-kvm"
                        + " -cpu host,+x2apic,-sgx -device i8042 -append \"earlyprintk=ttyS0 console=ttyS0 reboot=t panic=-1\""
                        + " -drive id=store,format=raw,read-only=on,file=store.erofs,if=none,aio=io_uring"
                        + " -device virtio-blk-device,drive=store -nographic -sandbox on"
                        + " -qmp unix:web.sock,server,nowait"
                        + " -device virtio-balloon,free-page-reporting=on,id=balloon0,deflate-on-oom=on"
                        + " -drive id=vda,format=raw,file=var.img,if=none,aio=io_uring,discard=unmap,cache=none,read-only=off"
                        + " -device virtio-blk-device,drive=vda,serial=var"
                        + " -netdev tap,id=vm-web,ifname=vm-web,script=no,downscript=no,queues=4"
                        + " -device virtio-net-device,netdev=vm-web,mac=02:00:00:00:00:01"
                        + " -netdev user,id=qemu,hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22,hostfwd=udp::5353-:53,"
                        + " -device virtio-net-device,netdev=qemu,mac=02:00:00:01:01:02"
                        + " -device vhost-vsock-device,guest-cid=4",
                // Hermit, README
                "-M microvm,x-option-roms=off,pit=off,pic=off,rtc=on,auto-kernel-cmdline=off -nodefaults -no-user-config"
                        + " -display none -smp 1 -m 512M -serial stdio -kernel loader -initrd hello_world"
                        + " -cpu qemu64,apic,fsgsbase,rdtscp,xsave,xsaveopt,fxsr"
                        + " -device isa-debug-exit,iobase=0xf4,iosize=0x04 -append \"-freq 2800\"",
                // OSv, scripts/run.py
                "-M microvm,x-option-roms=off,pit=off,pic=off,rtc=off -enable-kvm -cpu host,+x2apic -m 64m -smp 1"
                        + " -nodefaults -no-user-config -nographic -no-reboot -kernel loader-stripped.elf"
                        + " -append \"--nopci /hello\" -serial stdio -global virtio-mmio.force-legacy=off"
                        + " -device virtio-blk-device,id=blk0,drive=hd0,scsi=off -drive file=usr.img,if=none,format=raw,id=hd0",
                // melange, pkg/container/qemu_runner.go
                "-machine microvm,rtc=on,pcie=off,pit=off,pic=off,isa-serial=on -bios bios-microvm.bin -m 4092069k -cpu host"
                        + " -enable-kvm -smp 8 -daemonize -display none -no-reboot -no-user-config -nodefaults"
                        + " -kernel vmlinuz -initrd initrd -serial null -object iothread,id=io1"
                        + " -device virtio-blk-device,drive=disk0,iothread=io1,num-queues=4"
                        + " -drive if=none,id=disk0,cache=unsafe,cache.direct=on,format=raw,aio=native,file=disk.img",
                // Tailscale, gokrazy
                "-M microvm,isa-serial=off -m 1G -nodefaults -no-user-config -nographic -kernel vmlinuz"
                        + " -append \"console=hvc0 root=/dev/vda ro init=/gokrazy/init panic=10 pci=off\""
                        + " -drive id=blk0,file=natlabapp.img,format=raw -device virtio-blk-device,drive=blk0"
                        + " -device virtio-rng-device -netdev stream,id=net0,addr.type=unix,addr.path=qemu.sock"
                        + " -device virtio-serial-device -device virtio-net-device,netdev=net0,mac=5a:94:ef:e4:0c:ee"
                        + " -chardev stdio,id=virtiocon0,mux=on -device virtconsole,chardev=virtiocon0"
                        + " -mon chardev=virtiocon0,mode=readline",
                // a runner of programs in C, with QEMU's older name of the format
                "-enable-kvm -no-acpi -M microvm,x-option-roms=off,pic=off,isa-serial=off,rtc=on -cpu host"
                        + " -device virtio-serial-device -nodefaults -no-user-config -nographic -no-reboot"
                        + " -smp cpus=1,cores=1,threads=1 -m 512m -chardev stdio,id=virtiocon0"
                        + " -device virtconsole,chardev=virtiocon0 -device virtio-blk-device,drive=drive0"
                        + " -drive \"id=drive0,driver=raw,if=none,readonly=on,file=court.img\"",
                // Oak, tests of its restricted kernel
                "-cpu host -enable-kvm -machine microvm,acpi=on -nographic -nodefaults -no-reboot -m 256M -serial stdio"
                        + " -bios stage0_bin -kernel wrapper -initrd app",
                // a guest of an agent, with shared memory and vsock
                "-machine microvm,accel=kvm,pcie=off,rtc=on,memory-backend=mem -cpu host -smp 1 -m 512"
                        + " -object memory-backend-memfd,id=mem,size=512M,share=on -no-user-config -kernel bzImage"
                        + " -initrd initramfs -append \"console=ttyS0 reboot=k panic=1 rdinit=/init\""
                        + " -device vhost-vsock-device,guest-cid=42 -display none -serial file:log -no-reboot",
                // a sandbox for two platforms
                "-machine microvm,accel=hvf:tcg -cpu max -m 256M -kernel bzImage -initrd initramfs -nodefaults -nographic"
                        + " -netdev user,id=net0,hostfwd=tcp::2222-:22 -device virtio-net-device,netdev=net0 -serial mon:stdio",
            })
    void takesItAsItIs(String line) {
        Invocation read = Invocation.parse(Words.of(line));
        Assembly.complete(read);
        List<String> problems = read.problems().problems().stream()
                .filter(each -> !each.startsWith("machine: ") && !each.startsWith("-bios ")) // of missing files
                .toList();

        assertThat(problems).isEmpty();
    }
}
