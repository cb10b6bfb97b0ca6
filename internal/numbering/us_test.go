package numbering

import "testing"

const (
	boston  = "+16173998147"
	boston2 = "+16173998148"
	sydney  = "+61293744000"
	mobile  = "+61412345678"
	london  = "+442079460000"
)

func TestUSParse(t *testing.T) {
	checkPBX(t, mustPlan(t, "US", ""), []pbxRow{
		{"+16173998147", boston, "Vodia's global presentation"},
		{"16173998147", boston, "E.164 without plus; Vodia's 11-digit"},
		{"6173998147", boston, "NANPA presentation"},
		{"(617) 399-8147", boston, "as displayed"},
		{"617-399-8147", boston, "dashes"},
		{"617.399.8147", boston, "dots"},
		{"+1 617 399 8147", boston, "blanks"},
		{"+1 (617) 399-8147", boston, "E.164 as displayed"},
		{"1-617-399-8147", boston, "trunk 1 with dashes"},
		{" 16173998147", boston, "a form's unescaped plus has become a blank"},
		{"%2B16173998147", boston, "percent-encoded plus"},
		{"sip:6173998147@firm.example.com", boston, "Vodia's CDR form"},
		{"sip:+16173998147@firm.example.com;user=phone", boston, "URI parameters"},
		{"sip:+16173998147;npdi;rn=+16170000000@carrier.example", boston, "number portability in the user part"},
		{"sips:16173998147@firm.example.com:5061", boston, "sips with a port"},
		{"sip:6173998147:secret@firm.example.com", boston, "user and password"},
		{"SIP:6173998147@firm.example.com", boston, "the scheme's case does not matter"},
		{`"6173998147" <sip:+16173998147@firm.example.com>`, boston, "the number as display name"},
		{`"John Smith" <sip:6173998147@firm.example.com;user=phone>;tag=as1`, boston, "name-addr with a tag"},
		{`"Smith, \"Jo\" <x>" <sip:6173998147@firm.example.com>`, boston, "brackets and quotes in the name"},
		{"John Smith <sip:6173998147@firm.example.com>", boston, "name without quotes"},
		{"<sip:%2B16173998147@firm.example.com>", boston, "percent-encoded plus in a URI"},
		{"tel:+1-617-399-8147", boston, "RFC 3966 with visual separators"},
		{"tel:6173998147;phone-context=+1", boston, "local number in a context"},
		{"tel:399-8147;phone-context=+1-617", boston, "local number in an area's context"},
		{"6173998147@firm.example.com", boston, "account form"},
		{"6173998147x12", boston, "extension"},
		{"+16173998147;ext=12", boston, "extension as a parameter"},
		{"01161293744000", sydney, "international by 011"},
		{"011 61 2 9374 4000", sydney, "international by 011 with blanks"},
		{"0061293744000", sydney, "international by 00; Vodia's ROW"},
		{"+61293744000", sydney, "foreign with plus"},
		{"61293744000", sydney, "foreign without plus: no number of the NANP"},
		{"442079460000", london, "foreign without plus, 12 digits"},
		{"3998147", "3998147", "7 digits without an area code stay as dialled"},
		{"5551234567", "+15551234567", "an area code the plan does not know yet"},
		{"15551234567", "+15551234567", "the same with trunk 1"},
		{"0000000000", "0000000000", "a trunk's zeros for a withheld caller"},
		{"+10000000000", "+10000000000", "the same in E.164"},
		{"911", "911", "emergency"},
		{"411", "411", "directory"},
		{"988", "988", "crisis line"},
		{"101", "101", "an extension"},
		{"2009", "2009", "an extension that is also an SMS code"},
		{"18005551212", "+18005551212", "toll-free"},
		{"14165550123", "+14165550123", "Canada, same plan"},
	})
	checkPBX(t, mustPlan(t, "US", "617"), []pbxRow{
		{"3998147", boston, "7-digit dialling with the tenant's area code"},
		{"399-8147", boston, "7-digit dialling as written"},
		{"6173998147", boston, "10 digits are whole already"},
		{"5083998147", "+15083998147", "another area code stays"},
		{"911", "911", "short numbers are not completed"},
	})
}

func TestUSStored(t *testing.T) {
	checkStored(t, mustPlan(t, "US", ""), []storedRow{
		{"617", "3998147", one(boston), "area code in its box: the usual US contact"},
		{"617", "399-8147", one(boston), "the same with a dash"},
		{"617", "399 8147", one(boston), "the same with a blank"},
		{"(617)", "399-8147", one(boston), "brackets in the box"},
		{"1617", "399-8147", one(boston), "trunk 1 in the box"},
		{"+1 617", "399-8147", one(boston), "country and area code in the box"},
		{"617", "6173998147", one(boston), "area code doubled"},
		{"617", "(617) 399-8147", one(boston), "area code doubled, as displayed"},
		{"617", "+1 617 399 8147", one(boston), "whole number beside the area code"},
		{"617", "1-617-399-8147", one(boston), "whole number with trunk 1"},
		{"508", "617-399-8147", one(boston), "a whole number wins over a stale box"},
		{"617", "6171234", one("+16176171234"), "7 digits that look like the area code doubled are a number"},
		{"", "6173998147", one(boston), "box empty, whole number: what Vodia's manual asks for"},
		{"", "+16173998147", one(boston), "E.164"},
		{"", "16173998147", one(boston), "E.164 without plus"},
		{"", "617/399-8147", one(boston), "a slash behind the area code"},
		{"", "617.399.8147", one(boston), "dots"},
		{"", "617–399–8147", one(boston), "en dashes, as word processors make them"},
		{"", "617\u00a0399\u00a08147", one(boston), "no-break blanks"},
		{"", "617\u2009399\u20098147", one(boston), "thin blanks"},
		{"", "\u202a+1 617-399-8147\u202c", one(boston), "direction marks, copied from a phone"},
		{"", "６１７３９９８１４７", one(boston), "full-width digits"},
		{"", "٦١٧٣٩٩٨١٤٧", one(boston), "Arabic-Indic digits"},
		{"", "617-399-8147 x12", one(boston), "extension"},
		{"", "617-399-8147 x 12", one(boston), "extension with a blank"},
		{"", "617-399-8147 ext. 12", one(boston), "extension, abbreviated"},
		{"", "617-399-8147 Extension: 12", one(boston), "extension in full"},
		{"", "617-399-8147 #12", one(boston), "extension by a hash"},
		{"", "(617) 399-8147, ext 12", one(boston), "extension behind a comma"},
		{"617", "399-8147x12", one(boston), "split number with an extension"},
		{"", "437-555-1234 (Jane's Number)", one("+14375551234"), "another connector's example of what can never match"},
		{"", "437-555-1234567", nil, "too many digits: which are the number is not for us to say"},
		{"", "617-399-81470", nil, "a digit too many: grouped as it is, no number in Brisbane"},
		{"", "617-399-8147 home", one(boston), "a trailing word"},
		{"", "cell: 617-399-8147", one(boston), "a leading word"},
		{"", "6173998147 / 6173998148", one(boston, boston2), "two numbers"},
		{"", "617-399-8147, 617-399-8148", one(boston, boston2), "two numbers behind a comma"},
		{"", "617-399-8147 or 617-399-8148", one(boston, boston2), "two numbers, told by a word"},
		{"", "617-399-8147; 617-399-8148", one(boston, boston2), "two numbers behind a semicolon"},
		{"", "617-399-8147\n617-399-8148", one(boston, boston2), "two lines"},
		{"", "617 399 8147 617 399 8148", one(boston, boston2), "two numbers with nothing but a blank between"},
		{"", "617-399-8147 x12 / 617-399-8148 x13", one(boston, boston2), "two numbers with extensions"},
		{"617", "399-8147 / 399-8148", one(boston, boston2), "two numbers of one area code"},
		{"", "617-399-8147 617-399-8147", one(boston), "the same twice is one"},
		{"", "+61 2 9374 4000", one(sydney), "foreign"},
		{"", "011 61 2 9374 4000", one(sydney), "foreign by 011"},
		{"", "00 44 20 7946 0000", one(london), "foreign by 00"},
		{"44", "2079460000", one(london), "country code in the box"},
		{"011 44", "20 7946 0000", one(london), "country code with 011 in the box"},
		{"555", "1234567", one("+15551234567"), "the API description's own example"},
		{"", "0000000000", nil, "zeros that fill a field: no area code begins with 0"},
		{"", "000-000-0000", nil, "the same, grouped"},
		{"111", "1111111", nil, "ones that fill a field: no area code begins with 1"},
		{"", "200518540309", nil, "the API description's staff example: no number"},
		{"", "3998147", nil, "7 digits without any area code match nothing"},
		{"n/a", "399-8147", nil, "a word in the box is no area code"},
		{"", "1-800-FLOWERS", nil, "letters are not digits"},
		{"", "617-399-TALK", nil, "letters are not digits"},
		{"", "Jane's number", nil, "no digits at all"},
		{"", "", nil, "blank"},
		{"617", "", nil, "an area code alone"},
		{"6173998147", "", one(boston), "the number in the wrong box"},
		{"", "x12", nil, "an extension alone"},
		{"", "911", one("911"), "short service"},
		{"", "dial 911", nil, "a short number in a sentence is no number"},
		{"", "2009", nil, "an extension is no number of a contact"},
	})
	if got := mustPlan(t, "US", "617").Stored("508", "1234"); got != nil {
		t.Errorf("half a number in the box of another area code made %q", canonicals(got))
	}
	if got := canonicals(mustPlan(t, "US", "617").Stored("617", "3998147/8148")); len(got) != 1 || got[0] != "+16173998147" {
		t.Errorf("a second number that is cut short made %q", got)
	}
	checkStored(t, mustPlan(t, "US", "617"), []storedRow{
		{"", "399-8147", one(boston), "7 digits with the tenant's area code"},
		{"", "399-8147 / 399-8148", one(boston, boston2), "two of them"},
		{"", "3998147 3998148", one(boston, boston2), "two of them behind a blank: 14 digits are no foreign number"},
		{"508", "399-8147", one("+15083998147"), "the contact's area code wins over the tenant's"},
	})
}
