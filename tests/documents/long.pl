#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A long lease: the commercial one with so many pages of covenants in between, and its terms said again at the end in other words, as schedules do.
#
#   long.pl COMMERCIAL.txt PAGES
use strict;
use warnings;

my ($file, $pages) = @ARGV;
open my $in, '<', $file or die "$file: $!\n";
local $/;
my $lease = <$in>;
my @words = qw(covenant premises notice building services common parts insured risks reinstate lift roof frontage refuse deliveries signage shutters drains);
my $page = sub {
    my ($number) = @_;
    my $text = "COVENANTS, PART $number\n\n";
    for my $line (1 .. 38) {
        my @line = map { $words[($number * 31 + $line * 17 + $_ * 7 + $number * $_) % @words] } 1 .. 8;
        $text .= "$number.$line The Tenant shall keep the @line[0 .. 3]\n    and the @line[4 .. 7] as the Landlord directs.\n" if $line % 2;
    }
    return $text;
};
# Page marks of the text: form feeds.
print $lease;
print "\f", $page->($_) for 1 .. $pages;
print "\f", <<'END';
SCHEDULE OF PARTICULARS

LANDLORD: Harbour Estates Ltd (Company Number 04412345).
TENANT: Northwind Coffee Ltd.
MANAGING AGENT: Bright & Sons LLP, 5 Corn Street, Bristol BS1 1HT.
Premises: Unit 4, Dock House, 12 High St, Bristol BS1 2AW.
Floor Area: 2,450 square feet.
Title Number: AV123456.
Permitted Use: a Coffee Shop and Cafe within Class E.
The Term is 10 years from and including 25 March 2019 and expires on 24 March 2029.
Rent Commencement Date: 25 June 2019.
Annual Rent from 25/06/2019 to 24/03/2022: GBP 48,000.00 plus VAT;
Annual Rent from 25/03/2022 to 24/03/2025: GBP 52,500.00 plus VAT;
Annual Rent from 25/03/2025 to 24/03/2029: GBP 57,750.00 plus VAT.
Rent Free Period: 3 months from 25th March 2019.
Interest: four per cent above the Barclays Bank PLC base rate.
Deposit: GBP 15,000 held under the rent deposit deed.
The Tenant may end this lease on 24 March 2024 by giving not less than six months' prior written notice, provided that the rent has been paid.
If the rent is unpaid for 21 days the
    Landlord may re-enter the Premises.
END
