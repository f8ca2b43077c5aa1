#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Documents for the tests, made of text and page images.
#
#   make.pl pdf OUT PAGE...     a PDF of these pages: NAME.txt is set in Helvetica (form feeds begin new pages), NAME.jpg fills a page. PAGE@stamp=TEXT puts a line of text
#                               over an image, as archives do; PAGE@rotate=180 turns an image (what is drawn, not the page's entry); PAGE@broken has damaged data
#   make.pl tiff OUT PGM...     a TIFF of several pages, not compressed
use strict;
use warnings;

my ($kind, $out, @pages) = @ARGV;
die "usage: make.pl pdf|tiff OUT PAGE...\n" unless @pages;

sub slurp {
    open my $fh, '<:raw', $_[0] or die "$_[0]: $!\n";
    local $/;
    return <$fh>;
}

sub spit {
    open my $fh, '>:raw', $_[0] or die "$_[0]: $!\n";
    print $fh $_[1] or die "$_[0]: $!\n";
    close $fh or die "$_[0]: $!\n";
}

# Winansi bytes in a PDF string; the tests' texts are Latin-1 and a few more.
sub pdf_string {
    my ($text) = @_;
    utf8::decode($text);
    my %more = ("\x{2019}" => "\x92", "\x{2018}" => "\x91", "\x{201c}" => "\x93", "\x{201d}" => "\x94", "\x{2013}" => "\x96", "\x{20ac}" => "\x80");
    $text =~ s/([^\x00-\xff])/$more{$1} \/\/ '?'/ge;
    $text =~ s/([\\()])/\\$1/g;
    utf8::downgrade($text);
    return "($text)";
}

sub text_content {
    my ($text) = @_;
    my $content = "BT /F1 11 Tf 14 TL 56 790 Td\n";
    $content .= pdf_string($_) . " '\n" for split /\n/, $text;
    return $content . "ET\n";
}

sub jpeg_size {
    my ($bytes) = @_;
    my $at = 2;
    while ($at + 9 < length $bytes) {
        my ($marker, $length) = unpack 'x' . $at . 'nn', $bytes;
        return reverse(unpack('nn', substr($bytes, $at + 5, 4))), unpack('C', substr($bytes, $at + 9, 1)) if $marker >= 0xffc0 && $marker <= 0xffc2;
        $at += 2 + $length;
    }
    die "no JPEG\n";
}

sub make_pdf {
    my @objects = ('', '', '', '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>'); # 1 catalogue, 2 pages, 3 font
    my @kids;
    my $stream = sub { my ($dict, $bytes) = @_; push @objects, "<< $dict /Length " . length($bytes) . " >>\nstream\n$bytes\nendstream"; return $#objects; };
    my $page = sub { my ($resources, $content) = @_;
        my $id = $stream->('', $content);
        push @objects, "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << $resources >> /Contents $id 0 R >>";
        push @kids, "$#objects 0 R"; };
    for my $spec (@pages) {
        my ($file, @options) = split /@/, $spec;
        my %option = map { my ($k, $v) = split /=/, $_, 2; ($k => $v // 1) } @options;
        if ($file =~ /\.txt$/) {
            for my $text (split /\f/, slurp($file)) {
                $page->('/Font << /F1 3 0 R >>', $option{broken} ? "BT /F9 (((( \xff\xfe 1 0 0 0 <<" : text_content($text));
            }
            next;
        }
        my $jpeg = slurp($file);
        my ($width, $height, $components) = jpeg_size($jpeg);
        $jpeg = substr($jpeg, 0, 200) . "\0" x 400 if $option{broken};
        my $space = $components == 1 ? '/DeviceGray' : '/DeviceRGB';
        my $image = $stream->("/Type /XObject /Subtype /Image /Width $width /Height $height /ColorSpace $space /BitsPerComponent 8 /Filter /DCTDecode", $jpeg);
        my $place = ($option{rotate} // 0) == 180 ? '-595 0 0 -842 595 842' : ($option{rotate} // 0) == 90 ? '0 842 -595 0 595 0' : '595 0 0 842 0 0';
        my $stamp = defined $option{stamp} ? 'BT /F1 8 Tf 40 20 Td ' . pdf_string($option{stamp}) . ' Tj ET' : '';
        $page->("/Font << /F1 3 0 R >> /XObject << /I $image 0 R >>", "q $place cm /I Do Q $stamp\n");
    }
    $objects[1] = '<< /Type /Catalog /Pages 2 0 R >>';
    $objects[2] = "<< /Type /Pages /Count " . @kids . " /Kids [@kids] >>";
    my ($pdf, @at) = ("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n");
    for my $id (1 .. $#objects) {
        $at[$id] = length $pdf;
        $pdf .= "$id 0 obj\n$objects[$id]\nendobj\n";
    }
    my $xref = length $pdf;
    $pdf .= "xref\n0 " . @objects . "\n0000000000 65535 f \n" . join('', map { sprintf "%010d 00000 n \n", $at[$_] } 1 .. $#objects);
    return $pdf . "trailer\n<< /Size " . @objects . " /Root 1 0 R >>\nstartxref\n$xref\n%%EOF\n";
}

sub make_tiff {
    my ($tiff, $link) = ("II*\0\0\0\0\0", 4); # link: where the place of the next directory is to be written
    for my $file (@pages) {
        my ($width, $height, $pixels) = slurp($file) =~ /\AP5\s+(\d+)\s+(\d+)\s+255\s(.*)\z/s or die "$file: no PGM\n";
        my $data = length $tiff;
        $tiff .= $pixels . "\0" x (length($pixels) % 2);
        substr($tiff, $link, 4) = pack 'V', length $tiff;
        my @entries = ([256, 4, $width], [257, 4, $height], [258, 3, 8], [259, 3, 1], [262, 3, 1], [273, 4, $data], [277, 3, 1], [278, 4, $height], [279, 4, $width * $height]);
        $tiff .= pack('v', scalar @entries) . join('', map { pack 'vvVV', $_->[0], $_->[1], 1, $_->[2] } @entries);
        $link = length $tiff;
        $tiff .= pack 'V', 0;
    }
    return $tiff;
}

spit($out, $kind eq 'tiff' ? make_tiff() : make_pdf());
