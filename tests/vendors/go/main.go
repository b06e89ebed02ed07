// Makes what the quick starts of Microsoft's clients for Go make: a resource group, a hub in it, and a provisioning service
// that links the hub. Looks at them, and deletes them.
package main

import (
	"context"
	"encoding/json"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/deviceprovisioningservices/armdeviceprovisioningservices"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/iothub/armiothub"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armresources/v4"
)

const (
	group    = "go-lab"
	location = "eastus"
)

var (
	ctx          = context.Background()
	subscription = os.Getenv("AZURE_SUBSCRIPTION_ID")
)

func signIn(secret string) *azidentity.ClientSecretCredential {
	tenant, client := os.Getenv("AZURE_TENANT_ID"), os.Getenv("AZURE_CLIENT_ID")
	return must(azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options()}))
}

func main() {
	credential := signIn(os.Getenv("AZURE_CLIENT_SECRET"))
	_, wrong := signIn("wrong").GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{"https://management.azure.com/.default"}})
	groups := must(armresources.NewResourceGroupsClient(subscription, credential, managing()))
	hubs := must(armiothub.NewResourceClient(subscription, credential, managing()))
	services := must(armdeviceprovisioningservices.NewIotDpsResourceClient(subscription, credential, managing()))
	facts := map[string]any{
		"a wrong secret": wrong != nil,
		"groups":         ofGroups(groups),
		"hub":            ofHub(hubs),
		"service":        ofService(services, hubs),
	}
	end(services.BeginDelete(ctx, "go-lab-dps", group, nil))
	end(hubs.BeginDelete(ctx, group, "go-lab-hub", nil))
	_, gone := hubs.Get(ctx, group, "go-lab-hub", nil)
	end(groups.BeginDelete(ctx, group, nil))
	facts["afterwards"] = []any{refusal(gone), must(groups.CheckExistence(ctx, group, nil)).Success}
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		panic(err)
	}
}

func ofGroups(groups *armresources.ResourceGroupsClient) any {
	for _, name := range []string{group, "go-other"} {
		tags := map[string]*string{"made-by": to.Ptr(name)}
		must(groups.CreateOrUpdate(ctx, name, armresources.ResourceGroup{Location: to.Ptr(location), Tags: tags}, nil))
	}
	named := func(page armresources.ResourceGroupsClientListResponse) []*string {
		found := []*string{}
		for _, one := range page.Value {
			found = append(found, one.Name)
		}
		return found
	}
	list := func(options armresources.ResourceGroupsClientListOptions) []string {
		return names(groups.NewListPager(&options), named)
	}
	return map[string]any{
		"in pages of one": list(armresources.ResourceGroupsClientListOptions{Top: to.Ptr(int32(1))}),
		"tagged":          list(armresources.ResourceGroupsClientListOptions{Filter: to.Ptr("tagName eq 'made-by' and tagValue eq 'go-lab'")}),
	}
}

func ofHub(hubs *armiothub.ResourceClient) any {
	wanted := armiothub.Description{
		Location: to.Ptr(location),
		SKU:      &armiothub.SKUInfo{Name: to.Ptr(armiothub.IotHubSKUS1), Capacity: to.Ptr(int64(1))},
	}
	made := end(hubs.BeginCreateOrUpdate(ctx, group, "go-lab-hub", wanted, nil))
	tagged := end(hubs.BeginUpdate(ctx, group, "go-lab-hub", armiothub.TagsResource{Tags: map[string]*string{"plant": to.Ptr("7")}}, nil))
	_, stale := hubs.BeginCreateOrUpdate(ctx, group, "go-lab-hub", wanted, &armiothub.ResourceClientBeginCreateOrUpdateOptions{IfMatch: made.Etag})
	return map[string]any{
		"made":  []any{*made.Name, *made.Properties.State, *made.Properties.HostName},
		"tags":  tagged.Tags,
		"stale": refusal(stale),
		"listed": names(hubs.NewListByResourceGroupPager(group, nil), func(page armiothub.ResourceClientListByResourceGroupResponse) []*string {
			found := []*string{}
			for _, one := range page.Value {
				found = append(found, one.Name)
			}
			return found
		}),
		"policies": names(hubs.NewListKeysPager(group, "go-lab-hub", nil), func(page armiothub.ResourceClientListKeysResponse) []*string {
			found := []*string{}
			for _, one := range page.Value {
				found = append(found, one.KeyName)
			}
			return found
		}),
	}
}

func ofService(services *armdeviceprovisioningservices.IotDpsResourceClient, hubs *armiothub.ResourceClient) any {
	owner := must(hubs.GetKeysForKeyName(ctx, group, "go-lab-hub", "iothubowner", nil))
	connection := "HostName=go-lab-hub.azure-devices.net;SharedAccessKeyName=iothubowner;SharedAccessKey=" + *owner.PrimaryKey
	wanted := armdeviceprovisioningservices.ProvisioningServiceDescription{
		Location: to.Ptr(location),
		SKU:      &armdeviceprovisioningservices.IotDpsSKUInfo{Name: to.Ptr(armdeviceprovisioningservices.IotDpsSKUS1), Capacity: to.Ptr(int64(1))},
		Properties: &armdeviceprovisioningservices.IotDpsPropertiesDescription{
			IotHubs: []*armdeviceprovisioningservices.IotHubDefinitionDescription{{ConnectionString: to.Ptr(connection), Location: to.Ptr(location)}},
		},
	}
	made := end(services.BeginCreateOrUpdate(ctx, group, "go-lab-dps", wanted, nil))
	tags := map[string]*string{"plant": to.Ptr("7")}
	tagged := end(services.BeginUpdate(ctx, group, "go-lab-dps", armdeviceprovisioningservices.TagsResource{Tags: tags}, nil))
	seen := must(services.Get(ctx, "go-lab-dps", group, nil))
	key := must(services.ListKeysForKeyName(ctx, "go-lab-dps", "provisioningserviceowner", group, nil))
	return map[string]any{
		"made":  []any{*made.Name, *made.Properties.State, *made.Properties.ServiceOperationsHostName},
		"tags":  tagged.Tags,
		"links": []any{*seen.Properties.IotHubs[0].Name, *seen.Properties.IotHubs[0].Location},
		"key":   fingerprint(key.PrimaryKey),
		"listed": names(services.NewListByResourceGroupPager(group, nil), func(page armdeviceprovisioningservices.IotDpsResourceClientListByResourceGroupResponse) []*string {
			found := []*string{}
			for _, one := range page.Value {
				found = append(found, one.Name)
			}
			return found
		}),
	}
}
